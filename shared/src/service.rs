//! The add-on's own service, which issues and revokes credentials: one module per engine behind
//! one small interface.
//!
//! Every call can be repeated any number of times. No engine mints: the credential is made by
//! `rotate` and stored first, the service is told it. To add an engine, write a module that
//! implements `Call` and add its line to `engines!`: CONTRIBUTING.md has an example.

mod error;
mod http;
mod mysql;
mod postgres;
mod redis;

use std::time::Duration;

use url::Url;

pub use error::{CallError, Cause, Kind, ServiceError};

use crate::authority::{self, Place};
use crate::deadline::{Deadline, retry};
use crate::document::{Check, Document, Fields, RandomError};
use crate::event::{SecretArn, VersionId};
use crate::net::{self, Addresses, Answer, NetError, PlainText, Roots, Unreachable};

/// The longest that a service may take to act upon what it has confirmed.
const SETTLING: Duration = Duration::from_secs(20);

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
    http: &'a reqwest::Client,
    addresses: Addresses,
    plain_text: PlainText,
    roots: &'a Roots,
    administrator: Option<(&'a SecretArn, &'a Fields)>,
    deadline: Deadline,
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

/// What an engine can do. Every call may be repeated.
pub(crate) trait Call: Sized {
    /// Reads and checks the engine's fields.
    fn read(check: &mut Check<'_>) -> Option<Self>;
    /// What names the credential at the service.
    fn credential(&self) -> &str;
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
    /// Has the service refuse the credential, and ends its sessions.
    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError>;
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
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(tag = "engine"))]
        #[allow(missing_docs)] // a variant is named after its engine
        pub enum Engine {
            $(#[cfg_attr(feature = "schema", schemars(rename = $name))] $variant($engine),)+
        }

        impl Engine {
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

            pub(crate) fn places(&self) -> Vec<Place> {
                match self { $(Self::$variant(engine) => engine.places(),)+ }
            }

            pub(crate) fn renewed(&self) -> Vec<&str> {
                match self { $(Self::$variant(engine) => engine.renewed(),)+ }
            }

            pub(crate) fn renew(&self, fields: &mut Fields, version: &VersionId) -> Result<(), RandomError> {
                match self { $(Self::$variant(engine) => engine.renew(fields, version),)+ }
            }

            async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError> {
                match self { $(Self::$variant(engine) => engine.issue(context).await,)+ }
            }

            async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
                match self { $(Self::$variant(engine) => engine.verify(context).await,)+ }
            }

            async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
                match self { $(Self::$variant(engine) => engine.revoke(context).await,)+ }
            }

            async fn sessions(&self, context: &Context<'_>) -> Result<Option<Sessions>, ServiceError> {
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

/// The services of all add-on instances. Passing faults are retried within the deadline.
#[derive(Debug, Clone)]
pub struct Services {
    http: reqwest::Client,
    addresses: Addresses,
    plain_text: PlainText,
    roots: Roots,
}

impl Services {
    /// Services reached through the function's HTTP client, or their own protocol: with a public
    /// certificate, at any address.
    #[must_use]
    pub fn new(http: reqwest::Client) -> Self {
        Self {
            http,
            addresses: Addresses::Any,
            plain_text: PlainText::Never,
            roots: Roots::mozilla(),
        }
    }

    /// Trusts further certificate authorities, if there are any: for the services alone, through
    /// an HTTP client of their own. Heroku and AWS go on with Mozilla's list.
    ///
    /// # Errors
    /// If the HTTP client cannot be built, which is a fault of the build.
    pub fn trusting(self, roots: Option<Roots>) -> Result<Self, NetError> {
        match roots {
            None => Ok(self),
            Some(roots) => Self { roots, ..self }.with_own_client(),
        }
    }

    /// Keeps to these addresses over HTTP: the services alone, as AWS may have private ones (VPC
    /// endpoints).
    ///
    /// # Errors
    /// If the HTTP client cannot be built, which is a fault of the build.
    pub fn keeping_to(self, addresses: Addresses) -> Result<Self, NetError> {
        match addresses {
            Addresses::Any => Ok(self),
            Addresses::Public => Self { addresses, ..self }.with_own_client(),
        }
    }

    /// Speaks plain text with services on loopback, if that is allowed.
    #[must_use]
    pub fn speaking(self, plain_text: PlainText) -> Self {
        Self { plain_text, ..self }
    }

    fn with_own_client(self) -> Result<Self, NetError> {
        let http = net::service_client(&self.roots, self.addresses)?;
        Ok(Self { http, ..self })
    }

    /// Has the service accept the document's credential. `administrator` is the value of the
    /// secret that `masterarn` names.
    ///
    /// # Errors
    /// If that login is for another address than the document's, or the service or its administrator's credential is not as it must be.
    pub async fn issue(
        &self,
        document: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let context = self.authorised(document, administrator, deadline)?;
        let result = retry(deadline, || document.engine.issue(&context)).await;
        result.map_err(|error| error.with_administrator(&document.administrator))
    }

    /// Asks whether the service lets a customer in with the document's credential.
    ///
    /// # Errors
    /// If the service cannot say.
    pub async fn verify(
        &self,
        document: &Document,
        deadline: Deadline,
    ) -> Result<Verdict, ServiceError> {
        let context = self.context(None, deadline);
        retry(deadline, || document.engine.verify(&context)).await
    }

    /// Shows that the service lets a customer in with the document's credential.
    ///
    /// # Errors
    /// If it does not, even after some seconds, or cannot say.
    pub async fn prove_accepted(
        &self,
        document: &Document,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.prove(
            document,
            version,
            Verdict::Accepted,
            ServiceError::NotAccepted,
            deadline,
        )
        .await
    }

    /// Shows that the service refuses the document's credential.
    ///
    /// # Errors
    /// If it does not, even after some seconds, or cannot say.
    pub async fn prove_refused(
        &self,
        document: &Document,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.prove(
            document,
            version,
            Verdict::Refused,
            ServiceError::StillAccepted,
            deadline,
        )
        .await
    }

    /// Shows that what refused a credential, `version`'s, lets the current one in: it tells the two apart.
    ///
    /// # Errors
    /// If it refuses that one as well, or cannot say.
    pub async fn prove_control(
        &self,
        current: &Document,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        self.prove(
            current,
            version,
            Verdict::Accepted,
            ServiceError::Unproven,
            deadline,
        )
        .await
    }

    /// Has the service refuse the document's credential, and end its sessions. A credential that
    /// the service does not know counts as revoked.
    ///
    /// # Errors
    /// If the service or its administrator's credential is not as it must be.
    pub async fn revoke(
        &self,
        document: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let context = self.authorised(document, administrator, deadline)?;
        let result = retry(deadline, || document.engine.revoke(&context)).await;
        result.map_err(|error| error.with_administrator(&document.administrator))
    }

    /// Who uses the document's credential now. `None` if the service cannot say.
    ///
    /// # Errors
    /// If the service or its administrator's credential is not as it must be.
    pub async fn sessions(
        &self,
        document: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Result<Option<Sessions>, ServiceError> {
        let context = self.authorised(document, administrator, deadline)?;
        let result = retry(deadline, || document.engine.sessions(&context)).await;
        result.map_err(|error| error.with_administrator(&document.administrator))
    }

    async fn prove(
        &self,
        document: &Document,
        version: &VersionId,
        expected: Verdict,
        otherwise: impl Fn(VersionId) -> ServiceError,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        retry(deadline.at_most(SETTLING), || async {
            let verdict = self.verify(document, deadline).await?;
            if verdict == expected {
                Ok(())
            } else {
                Err(otherwise(version.clone()))
            }
        })
        .await
    }

    /// The one way to a context with an administrator's login: only for the addresses that it is for.
    fn authorised<'a>(
        &'a self,
        document: &'a Document,
        administrator: &'a Fields,
        deadline: Deadline,
    ) -> Result<Context<'a>, ServiceError> {
        authority::serves(document, administrator)?;
        Ok(self.context(Some((&document.administrator, administrator)), deadline))
    }

    fn context<'a>(
        &'a self,
        administrator: Option<(&'a SecretArn, &'a Fields)>,
        deadline: Deadline,
    ) -> Context<'a> {
        Context {
            http: &self.http,
            addresses: self.addresses,
            plain_text: self.plain_text,
            roots: &self.roots,
            administrator,
            deadline,
        }
    }
}
