//! The `redis` and `valkey` engines: an ACL user of its own for every version.
//!
//! Each user gets the rules of the one before it, read from
//! [`ACL LIST`](https://redis.io/docs/latest/commands/acl-list/), whose lines are by definition what
//! recreates a user. The server stores them in its ACL file, so that a restart keeps them; in its
//! configuration file only if the administrator's secret says so. The first user, imported, may be `default`, which cannot be deleted: when it
//! is revoked it is switched off and loses its password.

mod acl;
mod clients;
mod session;

use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};

use self::acl::{Storage, Users};
use self::clients::{clients_of, has_replica};
use self::session::{Login, Session};
use super::{Context, Engine, REHEARSAL, ServiceError, Sessions, Verdict};
use crate::authority::Place;
use crate::engine::{RandomError, password, username};
use crate::fields::{Check, Fields};
use crate::ids::VersionId;

/// The user that every connection starts as, and that a login without a name means.
const DEFAULT: &str = "default";

/// A credential of a Redis or Valkey server.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Redis {
    #[cfg_attr(test, schemars(flatten))]
    node: Node,
    /// The ACL user. Empty in an imported document whose apps log in with a password alone
    /// (`requirepass`): that is the user `default`.
    #[cfg_attr(test, schemars(extend("pattern" = r"^\S{0,255}$")))]
    username: String,
    /// The user's password.
    #[cfg_attr(test, schemars(with = "String", extend("minLength" = 1)))]
    password: SecretString,
    /// The user whose rules this one was given. Absent in an imported document; set by rotation.
    #[cfg_attr(test, schemars(with = "Option<String>", extend("pattern" = r"^\S{1,255}$")))]
    rules_from: Option<String>,
    /// Further servers that must know the users: ACLs are not replicated, so that each replica and
    /// each node of a cluster belongs here.
    #[cfg_attr(test, schemars(with = "Option<Vec<Node>>", extend("minItems" = 1)))]
    nodes: Vec<Node>,
    /// What keeps the users over a restart of the server.
    #[cfg_attr(test, schemars(with = "Option<Persistence>"))]
    persistence: Persistence,
}

/// One server.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Node {
    /// The server's host name or address. TLS with a verified certificate.
    #[cfg_attr(test, schemars(length(min = 1, max = 255)))]
    host: String,
    /// The server's port.
    #[cfg_attr(test, schemars(range(min = 1)))]
    port: u16,
}

/// What keeps the users over a restart of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Persistence {
    /// The server's own file: `ACL SAVE`, or `CONFIG REWRITE` if the administrator's secret asks for
    /// it. The default.
    #[cfg_attr(test, schemars(rename = "file"))]
    File,
    /// Nothing that rotation has to care for: a restart forgets the users unless something else
    /// brings them back.
    #[cfg_attr(test, schemars(rename = "none"))]
    None,
}

impl Node {
    fn read(check: &mut Check<'_>) -> Option<Self> {
        let host = check.text("host", "a host name or address", |host| {
            ServerName::try_from(host).is_ok()
        });
        let port = check.number("port", 1..=65_535);
        Some(Self {
            host: host?,
            port: port?,
        })
    }

    fn place(&self, path: &str) -> Place {
        Place::server(path, &self.host, self.port, 6379)
    }
}

impl Engine for Redis {
    fn read(check: &mut Check<'_>) -> Option<Self> {
        const NAME: &str = "a user's name of at most 255 bytes without white space";
        let name = |text: &str| {
            text.len() <= 255 && !text.contains('\0') && !text.contains(char::is_whitespace)
        };
        let node = Node::read(check);
        let username = check.text("username", NAME, name);
        let password = check.secret("password", "the user's password");
        let rules_from =
            check.optional_text("rules_from", NAME, |text| !text.is_empty() && name(text));
        let nodes = check.has("nodes").then(|| check.list("nodes", Node::read));
        let persistence = check
            .has("persistence")
            .then(|| check.one_of("persistence", &["file", "none"]));
        Some(Self {
            node: node?,
            username: username?,
            password: password?,
            rules_from,
            nodes: nodes.flatten().unwrap_or_default(),
            persistence: match persistence.flatten() {
                Some("none") => Persistence::None,
                _ => Persistence::File,
            },
        })
    }

    fn credential(&self) -> &str {
        if self.username.is_empty() {
            DEFAULT
        } else {
            &self.username
        }
    }

    fn places(&self) -> Vec<Place> {
        let further = self.nodes.iter().enumerate();
        let further = further.map(|(index, node)| node.place(&format!("nodes[{index}].")));
        std::iter::once(self.node.place(""))
            .chain(further)
            .collect()
    }

    fn renewed(&self) -> Vec<&str> {
        vec!["username", "password"]
    }

    fn renew(&self, fields: &mut Fields, version: &VersionId) -> Result<(), RandomError> {
        fields.set("rules_from", self.credential());
        fields.set("username", username(fields, version));
        fields.set("password", password()?);
        Ok(())
    }

    async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        for node in self.nodes() {
            let mut session = Session::administrator(node, context, "Creating a user").await?;
            self.issue_at(&mut session, context).await?;
        }
        Ok(())
    }

    async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
        let (mut verdict, mut failed, mut is_right) = (None, None, false);
        // Each is asked, whichever does not answer: a credential that one of them accepts is alive.
        for node in self.nodes() {
            match self.verify_on(node, context, verdict).await {
                Ok(here) => {
                    is_right |= here == Verdict::Accepted;
                    verdict = Some(here);
                }
                Err(error) => {
                    is_right |= error.is_of_right_password();
                    failed = failed.or(Some(error));
                }
            }
        }
        match failed {
            Some(error) if is_right => Err(error.of_right_password()),
            Some(error) => Err(error),
            // There is always a node.
            None => Ok(verdict.unwrap_or(Verdict::Refused)),
        }
    }

    async fn is_telling(&self, context: &Context<'_>, _: bool) -> Result<(), ServiceError> {
        for node in self.nodes() {
            let mut session = Session::administrator(node, context, "Looking at a user").await?;
            let users = acl::list(&mut session).await?;
            not_open(&session, &users, self.credential())?;
        }
        Ok(())
    }

    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        let mut result = Ok(());
        // On each: whoever holds one of them up keeps the credential alive on no other.
        for node in self.nodes() {
            result = result.and(self.revoke_on(node, context).await);
        }
        result
    }

    async fn rehearse(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        for node in self.nodes() {
            let mut session = Session::administrator(node, context, REHEARSAL).await?;
            self.rehearse_at(&mut session, context).await?;
        }
        Ok(())
    }

    /// Of all nodes together. A connection that has not logged in counts as `default`'s.
    async fn sessions(&self, context: &Context<'_>) -> Result<Option<Sessions>, ServiceError> {
        let mut clients = Vec::new();
        for node in self.nodes() {
            let mut session = Session::administrator(node, context, "Listing clients").await?;
            clients.extend(clients_of(&mut session, self.credential()).await?);
        }
        Ok(Some(Sessions::of(clients)))
    }
}

impl Redis {
    fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.node).chain(&self.nodes)
    }

    async fn verify_on(
        &self,
        node: &Node,
        context: &Context<'_>,
        elsewhere: Option<Verdict>,
    ) -> Result<Verdict, ServiceError> {
        const ACTION: &str = "Logging in with the instance's credential";
        let mut session = Session::open(node, context, ACTION).await?;
        let login = session.log_in(&self.username, self.password.expose_secret());
        let here = match login.await? {
            Login::Accepted => Verdict::Accepted,
            Login::Refused(_) => Verdict::Refused,
        };
        if elsewhere.is_some_and(|elsewhere| elsewhere != here) {
            let error = session.unavailable(
                "the other nodes disagree with it on whether the credential is valid",
                "Check that the users are the same on all nodes",
            );
            return Err(error.of_right_password());
        }
        Ok(here)
    }

    async fn issue_at(
        &self,
        session: &mut Session,
        context: &Context<'_>,
    ) -> Result<(), ServiceError> {
        let user = self.credential();
        let hash = acl::hash(&self.password);
        let users = acl::list(session).await?;
        let storage;
        if users.rules(user).is_some() {
            expendable(session, context, user)?;
            storage = Storage::find(session, context, self.persistence).await?;
            session
                .command(&["ACL", "SETUSER", user, "on", "resetpass", &hash])
                .await?;
        } else {
            let (source, rules) = self.model_at(session, context, &users)?;
            storage = Storage::find(session, context, self.persistence).await?;
            warn_of_makers(session, source, &rules);
            acl::create(session, user, rules, &hash).await?;
        }
        storage.keep(session).await
    }

    /// The user whose rules the new one gets, and those.
    fn model_at<'a>(
        &'a self,
        session: &Session,
        context: &Context<'_>,
        users: &'a Users,
    ) -> Result<(&'a str, Vec<&'a [u8]>), ServiceError> {
        let Some(source) = &self.rules_from else {
            let user = self.credential();
            return Err(session.rejected(
                &format!("there is no user {user:?}, and the document has no rules_from"),
                "Correct username in the document",
            ));
        };
        let Some(rules) = users.rules(source) else {
            return Err(session.rejected(
                &format!(
                    "there is no user {source:?}, whose rules the new user is to get (rules_from)"
                ),
                "Take AWSPENDING off, correct the current version's document, and rotate again",
            ));
        };
        not_open(session, users, source)?;
        // What revoking it will meet in the end is reported before anything is done.
        expendable(session, context, source)?;
        Ok((source, rules))
    }

    /// Each command as rotation gives it, to no effect: a user that is given nothing, and one that is not there.
    /// `ACL SAVE` is not tried: it would keep what others have not saved.
    async fn rehearse_at(
        &self,
        session: &mut Session,
        context: &Context<'_>,
    ) -> Result<(), ServiceError> {
        let users = acl::list(session).await?;
        let (source, _) = self.model_at(session, context, &users)?;
        if has_replica(session, source).await? {
            return Err(session.rejected(
                &format!("a replica logs in as {source:?}, which rotation revokes"),
                "Give replicas a user of their own (masteruser, masterauth)",
            ));
        }
        Storage::find(session, context, self.persistence).await?;
        session.command(&["ACL", "SETUSER", source]).await?;
        session
            .command(&["ACL", "DELUSER", self.credential()])
            .await
    }

    async fn revoke_on(&self, node: &Node, context: &Context<'_>) -> Result<(), ServiceError> {
        let mut session = Session::administrator(node, context, "Revoking a user").await?;
        self.revoke_at(&mut session, context).await
    }

    async fn revoke_at(
        &self,
        session: &mut Session,
        context: &Context<'_>,
    ) -> Result<(), ServiceError> {
        let user = self.credential();
        expendable(session, context, user)?;
        // Whoever may run PSYNC is a replica to the server. The enrolment has refused those that were there.
        if has_replica(session, user).await? {
            tracing::warn!(
                service = session.service(),
                user,
                "a replica logs in as the user, which ends now"
            );
        }
        if user == DEFAULT {
            session
                .command(&["ACL", "SETUSER", user, "off", "resetpass"])
                .await?;
            // Connections that have not logged in yet count as `default`'s: a client that was just
            // about to has to connect again.
            session.command(&["CLIENT", "KILL", "USER", user]).await?;
        } else {
            // Ends the user's connections as well.
            session.command(&["ACL", "DELUSER", user]).await?;
        }
        // Last: the credential ends first, whatever is wrong with the server's files.
        Storage::find(session, context, self.persistence)
            .await
            .map(drop)
    }
}

/// Fails if the administrator would lose its own login with this user.
fn expendable(session: &Session, context: &Context<'_>, user: &str) -> Result<(), ServiceError> {
    if context.administrator("username")? == user {
        return Err(session.rejected(
            &format!("the administrator itself logs in as {user:?}, which rotation revokes"),
            "Give the administrator a user of its own",
        ));
    }
    Ok(())
}

/// Fails if a login with any password is accepted, which shows nothing of whoever stored the document.
fn not_open(session: &Session, users: &Users, user: &str) -> Result<(), ServiceError> {
    if users.is_open(user) {
        return Err(session.rejected(
            &format!("user {user:?} has no password (nopass): anyone who knows its name can log in"),
            "Give it one (ACL SETUSER … resetpass >…), and store that in the current version's document",
        ));
    }
    Ok(())
}

/// Says it where somebody may read it: the user is copied as it is, for its apps may need it so.
fn warn_of_makers(session: &Session, user: &str, rules: &[&[u8]]) {
    let commands = acl::makes_logins(rules);
    if !commands.is_empty() {
        let remedy: Vec<_> = commands.iter().map(|it| format!("-{it}")).collect();
        tracing::warn!(
            service = session.service(),
            user,
            remedy = format!("ACL SETUSER {user} {}", remedy.join(" ")),
            "the user can run {}: with its password one can make logins that no rotation ends. If its apps do not need that, run the remedy",
            commands.join(" and ")
        );
    }
}
