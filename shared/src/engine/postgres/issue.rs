//! A version's role comes into being.

mod same;

use postgres_protocol::password::scram_sha_256;
use secrecy::ExposeSecret;

use super::Postgres;
use super::hand_over;
use super::session::{Role, Session, column, identifier, literal};
use crate::engine::{Context, REHEARSAL, ServiceError};

const ACTION: &str = "Creating a role";

/// Creates the role, or gives it the password that it is to have; makes it act as the owner.
pub(super) async fn issue(postgres: &Postgres, context: &Context<'_>) -> Result<(), ServiceError> {
    let session = Session::administrator(postgres, context, ACTION).await?;
    let Plan {
        statements,
        settings,
        before,
    } = plan(postgres, context, &session).await?;
    session.transaction(&statements.join("; ")).await?;
    same::apply(&session, &postgres.username, &settings).await?;
    if let Some(owner) = &postgres.owner
        && let Some(error) = postgres.kept_out(context).await
    {
        tracing::warn!(
            role = postgres.username,
            %error,
            "what the owner or the database sets keeps the new version's role from logging in: it gets none of it"
        );
        same::plain(postgres, context, &session, owner).await?;
    }
    if let (Some(before), Some(owner)) = (before.filter(|it| it.inherits), &postgres.owner) {
        before.hand_over(postgres, context, &session, owner).await;
    }
    Ok(())
}

/// Has the server make the role, and end the one before it, in a transaction that leaves nothing behind.
pub(super) async fn rehearse(
    postgres: &Postgres,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let session = Session::administrator(postgres, context, REHEARSAL).await?;
    let mut plan = plan(postgres, context, &session).await?;
    let mut statements = plan.statements;
    statements.append(&mut plan.settings);
    if let Some(name) = &postgres.previous_username
        && let Some(role) = session.role(name).await?
    {
        statements.push(super::revoke::closing(&session, name, &role));
    }
    session.rolled_back(&statements.join("; ")).await.map(drop)
}

/// What makes a version's role.
struct Plan<'a> {
    statements: Vec<String>,
    /// Further ones, without which it is a role all the same.
    settings: Vec<String>,
    before: Option<Before<'a>>,
}

async fn plan<'a>(
    postgres: &'a Postgres,
    context: &Context<'_>,
    session: &Session,
) -> Result<Plan<'a>, ServiceError> {
    let mut statements = Vec::new();
    let found = session.role(&postgres.username).await?;
    let verb = match &found {
        Some(role) if role.is_administrator => return Err(own(session, &postgres.username)),
        Some(_) => "ALTER",
        None => "CREATE",
    };
    let role = identifier(&postgres.username);
    // The server stores and logs a verifier and never sees the password itself.
    let verifier = literal(&scram_sha_256(postgres.password.expose_secret().as_bytes()));
    let mut login = format!("{verb} ROLE {role} LOGIN PASSWORD {verifier}");
    let Some(name) = &postgres.owner else {
        let statements = vec![login];
        return Ok(Plan {
            statements,
            settings: Vec::new(),
            before: None,
        });
    };
    let owner = match session.role(name).await? {
        Some(owner) if owner.is_administrator => return Err(own(session, name)),
        Some(owner) => owner,
        None => {
            let found = format!("there is no role {name:?}");
            return Err(session.rejected(found, "Correct owner in the document"));
        }
    };
    let before = if context.is_vouched {
        // An operator has said whose the owner is: the role before may be gone, as after a restore.
        None
    } else {
        Before::find(postgres, session, name, &owner).await?
    };
    let mut model = (name.as_str(), &owner);
    if postgres.settings_from.is_some() {
        // What there is of this version's own is a copy of a login before that has ended since.
        let copy = found
            .as_ref()
            .map(|role| (postgres.username.as_str(), role));
        let before = before.as_ref().map(|it| (it.name, &it.role));
        model = before.or(copy).unwrap_or(model);
    }
    same::makes_no_logins(session, name, &owner)?;
    login.push_str(&same::attributes(session, model).await?);
    statements.push(login);
    statements.push(format!("GRANT {} TO {role}", identifier(name)));
    statements.push(format!("ALTER ROLE {role} SET role TO {}", literal(name)));
    let settings = same::settings(postgres, session, name, model.1, &role).await?;
    Ok(Plan {
        statements,
        settings,
        before,
    })
}

/// The role of the version before, where that is not the owner itself.
struct Before<'a> {
    name: &'a str,
    role: Role,
    /// It has the owner's privileges also where it does not act as the owner.
    inherits: bool,
}

impl<'a> Before<'a> {
    /// Whoever logs in need not say whose role it becomes, as when no connection is free for it: so the server
    /// is asked here, before the owner's role is granted to anybody.
    async fn find(
        postgres: &'a Postgres,
        session: &Session,
        owner: &str,
        owners: &Role,
    ) -> Result<Option<Self>, ServiceError> {
        let Some(name) = postgres.previous_username.as_deref() else {
            return Ok(None);
        };
        if name == owner {
            return Ok(None);
        }
        let becomes = session.becomes();
        let Some(role) = session.role(name).await? else {
            // It may have been revoked since this version's own role was made, which shows as much.
            if let Some(role) = session.role(&postgres.username).await?
                && session.has_role(&role, owners, becomes).await?
            {
                return Ok(None);
            }
            let found = format!(
                "there is no role {name:?} (previous_username), by which {owner:?} (owner) would be shown to be this instance's"
            );
            return Err(session.rejected(
                found,
                "Take AWSPENDING off, correct the current version's document, and rotate again",
            ));
        };
        if role.is_administrator {
            return Err(own(session, name));
        }
        let is_member = session.has_role(&role, owners, becomes).await?;
        if !is_member {
            let found = format!(
                "role {name:?}, the previous version's, is no member of {owner:?} (owner) and cannot act as it"
            );
            return Err(session.rejected(found, "Correct owner in the document"));
        }
        Ok(Some(Self {
            name,
            inherits: session.has_role(&role, owners, "USAGE").await?,
            role,
        }))
    }

    /// Gives the owner what this role made where it did not act as the owner, as after `DISCARD ALL`: the next
    /// version is to find it. What does not succeed now is done when this role ends: nobody keeps a
    /// credential alive by a lock.
    async fn hand_over(
        &self,
        postgres: &Postgres,
        context: &Context<'_>,
        session: &Session,
        owner: &str,
    ) {
        let role = identifier(self.name);
        let owner = identifier(owner);
        let allowed = |statements: &str| session.as_member_of(&self.role, &role, statements);
        let reassign = format!("REASSIGN OWNED BY {role} TO {owner}");
        let what = hand_over::What::Owned(&self.role.oid);
        let done =
            hand_over::everywhere(postgres, context, session, what, &owner, allowed, &reassign);
        if let Err(error) = done.await {
            tracing::warn!(
                role = self.name,
                %error,
                "the role's own objects are not handed over to the owner yet: the new version may be refused them until the role is revoked"
            );
        }
    }
}

/// What to do where an instance has the administrator's own role.
pub(super) const OWN_ROLE: &str = "Put another role into the administrator's secret (masterarn)";

/// A role that a later revocation would take from the administrator.
fn own(session: &Session, name: &str) -> ServiceError {
    session.rejected(
        format!("role {name:?} is the administrator's own"),
        OWN_ROLE,
    )
}
