//! What rotation knows of each kind of service: one module per engine behind one small interface.
//!
//! Every call can be repeated any number of times. No engine mints: the credential is made by
//! `rotate` and stored first, the service is told it. To add an engine, write a module that
//! implements `Engine` and add its line to `engines!`: CONTRIBUTING.md has an example.

mod error;
mod generate;
mod http;
mod mysql;
mod postgres;
mod redis;

use url::Url;

pub use error::{CallError, Cause, Kind, ServiceError};
pub(crate) use generate::{Generate, password, user_of, username};
pub use generate::{RandomError, credential_id};

use crate::authority::Place;
use crate::deadline::Deadline;
use crate::fields::{Check, Fields};
use crate::ids::{SecretArn, VersionId};
use crate::net::{self, Addresses, Answer, NetError, PlainText, Roots, Unreachable};

/// Whether the service lets a customer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The credential works.
    Accepted,
    /// The credential is refused as such; not: the service is out of order.
    Refused,
}

/// Who uses a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    /// How many sessions are open.
    pub count: u64,
    /// The addresses that they come from, without ports: each once, the first [`Sessions::ADDRESSES`] in order.
    pub from: Vec<String>,
}

impl Sessions {
    /// The most addresses that are told.
    pub const ADDRESSES: usize = 10;

    /// From an entry per session: its client's address.
    #[must_use]
    pub fn of(clients: impl IntoIterator<Item = String>) -> Self {
        let (mut count, mut from) = (0, std::collections::BTreeSet::new());
        for client in clients {
            count += 1;
            from.insert(client);
        }
        let from = from.into_iter().take(Self::ADDRESSES).collect();
        Self { count, from }
    }
}

/// What an engine's calls are made with.
pub(crate) struct Context<'a> {
    pub(crate) http: &'a reqwest::Client,
    pub(crate) addresses: Addresses,
    pub(crate) plain_text: PlainText,
    pub(crate) roots: &'a Roots,
    pub(crate) administrator: Option<(&'a SecretArn, &'a Fields)>,
    /// An operator has said that the login is the instance's.
    pub(crate) is_vouched: bool,
    pub(crate) deadline: Deadline,
}

impl Context<'_> {
    /// The TLS configuration of a connection to the service.
    fn tls(&self) -> Result<rustls::ClientConfig, NetError> {
        net::tls(self.roots)
    }

    /// Whether a connection to `host` is in plain text instead of TLS.
    fn is_plain(&self, host: &str) -> bool {
        self.plain_text == PlainText::OnLoopback && net::is_loopback(host)
    }

    /// Asks a service that is reached over HTTP, unless it has an address that documents may not name.
    async fn ask(
        &self,
        service: &Url,
        action: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, ServiceError> {
        let answer = if service.scheme() != "https"
            && !service.host_str().is_some_and(|host| self.is_plain(host))
        {
            Err(Unreachable::PlainText)
        } else if self.addresses.allow(service) {
            net::send(request, self.deadline.attempt(net::REQUEST_TIMEOUT)).await
        } else {
            Err(Unreachable::Private)
        };
        answer.map_err(|reason| CallError::unreachable(service, action, reason).into())
    }

    /// The administrator's secret and its fields.
    fn administrators_secret(&self) -> Result<(&SecretArn, &Fields), ServiceError> {
        self.administrator.ok_or(ServiceError::NoAdministrator)
    }

    /// A field of the administrator's secret.
    fn administrator(&self, field: &'static str) -> Result<&str, ServiceError> {
        let (secret, fields) = self.administrators_secret()?;
        fields
            .text(field)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| ServiceError::AdministratorField {
                secret: secret.clone(),
                field,
            })
    }
}

/// What an engine calls it when it tries the administrator's login.
const REHEARSAL: &str = "Trying what rotations will do";

/// What an engine can do. Every call may be repeated.
pub(crate) trait Engine: Sized {
    /// Reads and checks the engine's fields.
    fn read(check: &mut Check<'_>) -> Option<Self>;
    /// What names the credential at the service.
    fn credential(&self) -> &str;
    /// Whose privileges it has: its own, or those of the login that it acts as.
    fn login(&self) -> &str {
        self.credential()
    }
    /// Every address that the administrator's login may be sent to.
    fn places(&self) -> Vec<Place>;
    /// The fields that are new in each version.
    fn renewed(&self) -> Vec<&str>;
    /// Replaces them.
    fn renew(&self, fields: &mut Fields, version: &VersionId) -> Result<(), RandomError>;
    /// Has the service accept the credential.
    async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError>;
    /// Logs in as the customer does.
    async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError>;
    /// Shows that a login with the credential says that one has it. It does not where the service lets anyone in who
    /// knows the name. Of one that `is_kept_out`, the service has found the password right.
    async fn is_telling(
        &self,
        context: &Context<'_>,
        is_kept_out: bool,
    ) -> Result<(), ServiceError> {
        let _ = (context, is_kept_out);
        Ok(())
    }
    /// Has the service refuse the credential, and ends its sessions.
    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError>;
    /// Shows, by a credential that was never issued and never will be, that the administrator's login may do
    /// what issuing and revoking need. Nothing stays changed.
    async fn rehearse(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        self.revoke(context).await
    }
    /// Who uses the credential now, as far as the service says.
    async fn sessions(&self, context: &Context<'_>) -> Result<Option<Sessions>, ServiceError> {
        let _ = context;
        Ok(None)
    }
}

macro_rules! engines {
    ($($name:literal => $variant:ident($engine:ty)),+ $(,)?) => {
        /// A credential of one of the engines.
        #[derive(Debug, Clone)]
        #[cfg_attr(test, derive(schemars::JsonSchema), schemars(tag = "engine"))]
        #[allow(missing_docs)] // a variant is named after its engine
        pub enum AnyEngine {
            $(#[cfg_attr(test, schemars(rename = $name))] $variant($engine),)+
        }

        impl AnyEngine {
            pub(crate) fn read(check: &mut Check<'_>) -> Option<Self> {
                match check.one_of("engine", &[$($name),+])? {
                    $($name => <$engine>::read(check).map(Self::$variant),)+
                    _ => None,
                }
            }

            /// What names the credential at the service: an id or a user's name.
            pub(crate) fn credential(&self) -> &str {
                match self { $(Self::$variant(engine) => engine.credential(),)+ }
            }

            /// Whether another is of the same kind of service, by whichever of its names.
            pub(crate) fn is_of_kind_of(&self, other: &Self) -> bool {
                let kind = |engine: &Self| match engine {
                    $(Self::$variant(_) => std::any::TypeId::of::<$engine>(),)+
                };
                kind(self) == kind(other)
            }

            pub(crate) fn login(&self) -> &str {
                match self { $(Self::$variant(engine) => engine.login(),)+ }
            }

            pub(crate) fn places(&self) -> Vec<Place> {
                match self { $(Self::$variant(engine) => engine.places(),)+ }
            }

            pub(crate) fn renewed(&self) -> Vec<&str> {
                match self { $(Self::$variant(engine) => engine.renewed(),)+ }
            }

            pub(crate) fn renew(&self, fields: &mut Fields, version: &VersionId) -> Result<(), RandomError> {
                match self { $(Self::$variant(engine) => engine.renew(fields, version),)+ }
            }

            pub(crate) async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError> {
                match self { $(Self::$variant(engine) => engine.issue(context).await,)+ }
            }

            pub(crate) async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
                match self { $(Self::$variant(engine) => engine.verify(context).await,)+ }
            }

            pub(crate) async fn is_telling(&self, context: &Context<'_>, is_kept_out: bool) -> Result<(), ServiceError> {
                match self { $(Self::$variant(engine) => engine.is_telling(context, is_kept_out).await,)+ }
            }

            pub(crate) async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
                match self { $(Self::$variant(engine) => engine.revoke(context).await,)+ }
            }

            pub(crate) async fn rehearse(&self, context: &Context<'_>) -> Result<(), ServiceError> {
                match self { $(Self::$variant(engine) => engine.rehearse(context).await,)+ }
            }

            pub(crate) async fn sessions(&self, context: &Context<'_>) -> Result<Option<Sessions>, ServiceError> {
                match self { $(Self::$variant(engine) => engine.sessions(context).await,)+ }
            }
        }
    };
}

engines! {
    "aurora-mysql" => AuroraMysql(mysql::Mysql),
    "aurora-postgresql" => AuroraPostgresql(postgres::Postgres),
    "http" => Http(http::Http),
    "mariadb" => Mariadb(mysql::Mysql),
    "mysql" => Mysql(mysql::Mysql),
    "postgres" => Postgres(postgres::Postgres),
    "redis" => Redis(redis::Redis),
    "valkey" => Valkey(redis::Redis),
}
