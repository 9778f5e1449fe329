//! The add-on instances' own services, which issue and revoke credentials. Which engine a service is of is its
//! document's to say; with whose login it is asked is decided here.

use std::time::Duration;

use crate::claims;
use crate::deadline::{Deadline, retry};
use crate::document::Document;
use crate::engine::Context;
use crate::fields::Fields;
use crate::ids::{SecretArn, VersionId};
use crate::net::{self, Addresses, NetError, PlainText, Roots};
use crate::start::Start;

pub use crate::engine::{CallError, Cause, Kind, ServiceError, Sessions, Verdict};

/// What it says of a version that the service does not act so.
type Otherwise = fn(VersionId) -> ServiceError;

/// The longest that a service may take to act upon what it has confirmed.
const SETTLING: Duration = Duration::from_secs(20);

/// The services of all add-on instances. Transient faults are retried within the deadline.
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

    /// As a function's environment variables have them.
    pub(crate) fn start(start: &mut Start) -> Option<Self> {
        // The certificate authorities that the services' certificates may come from besides Mozilla's.
        let roots = start.bundle("CA_BUNDLE_FILE");
        let mut variables = start.variables();
        // The addresses that services may have that are reached over HTTP.
        let addresses = if variables.flag("ALLOW_PRIVATE_ADDRESSES") {
            Addresses::Any
        } else {
            Addresses::Public
        };
        // For test stands; the template never sets it.
        let plain_text = if variables.flag("ALLOW_PLAIN_TEXT_ON_LOOPBACK") {
            PlainText::OnLoopback
        } else {
            PlainText::Never
        };
        let services = Self::new(start.http.clone()).speaking(plain_text);
        let services = services.trusting(roots);
        let services = services.and_then(|services| services.keeping_to(addresses));
        let unusable = |error: &NetError| {
            start
                .variables()
                .problem("The HTTP client", &error.to_string());
        };
        services.inspect_err(unusable).ok()
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
        self.issued(document, &context).await
    }

    /// As [`Services::issue`], when an operator has said that the login which the document succeeds is the instance's.
    ///
    /// # Errors
    /// As [`Services::issue`].
    pub async fn issue_vouched(
        &self,
        document: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let context = Context {
            is_vouched: true,
            ..self.authorised(document, administrator, deadline)?
        };
        self.issued(document, &context).await
    }

    async fn issued(&self, document: &Document, context: &Context<'_>) -> Result<(), ServiceError> {
        let result = retry(context.deadline, || document.engine.issue(context)).await;
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
        let expected = (Verdict::Accepted, ServiceError::NotAccepted as Otherwise);
        self.prove(document, version, expected, deadline).await
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
        let expected = (Verdict::Refused, ServiceError::StillAccepted as Otherwise);
        self.prove(document, version, expected, deadline).await
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
        let expected = (Verdict::Accepted, ServiceError::Unproven as Otherwise);
        self.prove(current, version, expected, deadline).await
    }

    /// Whether a login shows that whoever stored the document has the credential: the service has found the password
    /// right, whatever keeps the login out then. `administrator` is the value of the secret that `masterarn` names.
    ///
    /// # Errors
    /// If the service lets anyone in who knows the login's name, or cannot say.
    pub async fn shows_possession(
        &self,
        document: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Result<bool, ServiceError> {
        // Before any login.
        let context = self.authorised(document, administrator, deadline)?;
        let customers = self.context(None, deadline);
        let verified = retry(deadline, || async {
            match document.engine.verify(&customers).await {
                Err(error) if error.is_of_right_password() => Ok((Verdict::Accepted, true)),
                verdict => verdict.map(|verdict| (verdict, false)),
            }
        });
        let (verdict, is_kept_out) = verified.await?;
        if verdict != Verdict::Accepted {
            return Ok(false);
        }
        let result = retry(deadline, || {
            document.engine.is_telling(&context, is_kept_out)
        })
        .await;
        result
            .map(|()| true)
            .map_err(|error| error.with_administrator(&document.administrator))
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

    /// Shows that the administrator's login may do what rotations will ask of it. `next` is a document that is no
    /// version's: its credential was never issued. Nothing stays changed.
    ///
    /// # Errors
    /// If the service or its administrator's credential is not as it must be.
    pub async fn rehearse(
        &self,
        next: &Document,
        administrator: &Fields,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let context = self.authorised(next, administrator, deadline)?;
        let result = retry(deadline, || next.engine.rehearse(&context)).await;
        result.map_err(|error| error.with_administrator(&next.administrator))
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
        (expected, otherwise): (Verdict, Otherwise),
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
        claims::serves(document, administrator)?;
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
            is_vouched: false,
            deadline,
        }
    }
}
