//! The service under test: asks it, keeps account of what it registered, and notes what holds for
//! every answer alike.

mod book;
mod call;
mod echo;
mod ledger;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use addon_rotation::net::{self, Addresses, Answer, Unreachable};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

pub(crate) use self::book::{
    Answers, BOUNDED, FORM, IN_TIME, NO_ECHO, NO_REDIRECT, RETRY_AFTER_SECONDS,
};
use self::book::{Book, is_busy, retry_after};
pub(crate) use self::call::{Credential, Login, Seen};
use super::contract::{Contract, ContractError, Operation};
use super::rules::Stop;
use super::settings::{Credentials, Settings};

/// How often an answer of 429 or 5xx is asked again.
const TRIES: u32 = 3;

/// The longest that a `Retry-After` is followed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For an answer.
    pub(crate) answer: Duration,
    /// Before a request that met 429 or 5xx without `Retry-After` is made again.
    pub(crate) retry: Duration,
}

impl Patience {
    /// As the engine is.
    pub(crate) const ENGINE: Self = Self {
        answer: net::REQUEST_TIMEOUT,
        retry: Duration::from_secs(1),
    };
}

/// The command cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ServiceError {
    /// A fault of the build.
    #[error("{0}")]
    Contract(#[from] ContractError),
    /// A fault of the build.
    #[error("{0}")]
    Client(String),
    /// Nothing is there.
    #[error("{url} cannot be reached: {reason}; nothing was registered there")]
    Unreachable {
        /// The service.
        url: Url,
        /// What happened.
        reason: Unreachable,
    },
}

/// The service under test.
pub(crate) struct Service {
    client: Client,
    url: Url,
    token: SecretString,
    credentials: Credentials,
    contract: Contract,
    patience: Patience,
    /// Set when the command is to end early.
    pub(crate) stop: CancellationToken,
    book: Mutex<Book>,
}

impl Service {
    /// Prepares to ask.
    ///
    /// # Errors
    /// If the contract or the client is not usable, which is a fault of the build.
    pub(crate) fn new(
        settings: Settings,
        patience: Patience,
        stop: CancellationToken,
    ) -> Result<Self, ServiceError> {
        let client = net::service_client(&settings.roots, Addresses::Any)
            .map_err(|error| ServiceError::Client(error.to_string()))?;
        let secrets = vec![settings.token.clone()];
        Ok(Self {
            client,
            url: settings.url,
            token: settings.token,
            credentials: settings.credentials,
            contract: Contract::read()?,
            patience,
            stop,
            book: Mutex::new(Book::new(secrets)),
        })
    }

    /// The base address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether there is anything to talk to. Registers nothing, and shows no secret that is in use.
    ///
    /// # Errors
    /// If there is no connection.
    pub(crate) async fn reach(&self) -> Result<(), ServiceError> {
        let request = self.request(Operation::Get, "conformance");
        match net::send(request, self.patience.answer).await {
            Ok(_) | Err(Unreachable::Timeout | Unreachable::Broken | Unreachable::TooLarge) => {
                Ok(())
            }
            Err(reason) => Err(ServiceError::Unreachable {
                url: self.url.clone(),
                reason,
            }),
        }
    }

    /// A credential that nobody has registered.
    pub(crate) fn credential(&self) -> Result<Credential, Stop> {
        let id = format!("conformance-{}", uuid::Uuid::new_v4().simple());
        self.credential_at(&id)
    }

    /// Other values under this id, which is written as in a request's path.
    pub(crate) fn credential_at(&self, id: &str) -> Result<Credential, Stop> {
        let values = self.credentials.next().map_err(Stop::Skipped)?;
        let mut book = self.book();
        book.secrets.push(values.authorization.clone());
        book.secrets
            .extend(values.fields.iter().map(|(_, value)| value.clone()));
        Ok(Credential {
            id: id.to_owned(),
            fields: values.fields,
            authorization: values.authorization,
        })
    }

    /// A token of nobody's.
    pub(crate) fn wrong_token(&self) -> SecretString {
        let token = uuid::Uuid::new_v4().simple().to_string();
        self.book().secrets.push(token.as_str().into());
        format!("Bearer {token}").into()
    }

    /// Registers a credential as the engine does.
    pub(crate) async fn put(&self, credential: &Credential) -> Result<Seen, Stop> {
        let body = credential.body().to_string();
        self.put_body(credential, body, &Login::Administrator).await
    }

    /// Registers something.
    pub(crate) async fn put_body(
        &self,
        credential: &Credential,
        body: String,
        login: &Login<'_>,
    ) -> Result<Seen, Stop> {
        let registration = Some((credential, body.as_str()));
        self.ask(Operation::Put, &credential.id, login, registration)
            .await
    }

    /// Asks whether a credential is accepted.
    pub(crate) async fn get(&self, id: &str, login: &Login<'_>) -> Result<Seen, Stop> {
        self.ask(Operation::Get, id, login, None).await
    }

    /// Asks whether a credential is accepted, as its customer.
    pub(crate) async fn log_in(&self, credential: &Credential) -> Result<Seen, Stop> {
        let login = Login::Header(&credential.authorization);
        self.get(&credential.id, &login).await
    }

    /// Revokes a credential.
    pub(crate) async fn delete(&self, id: &str, login: &Login<'_>) -> Result<Seen, Stop> {
        self.ask(Operation::Delete, id, login, None).await
    }

    /// What a plain-text server at the same place answers to nobody, if there is one.
    pub(crate) async fn plain(&self, id: &str) -> Option<u16> {
        let mut request = self.request(Operation::Get, id).build().ok()?;
        let port = self.url.port();
        let url = request.url_mut();
        // In this order: the other's default port would be dropped.
        url.set_scheme("http").ok()?;
        url.set_port(port).ok()?;
        let request = RequestBuilder::from_parts(self.client.clone(), request);
        let answer = net::send(request, self.patience.answer).await.ok()?;
        Some(answer.status.as_u16())
    }

    async fn ask(
        &self,
        operation: Operation,
        id: &str,
        login: &Login<'_>,
        registration: Option<(&Credential, &str)>,
    ) -> Result<Seen, Stop> {
        let mut tries = 0;
        loop {
            if self.stop.is_cancelled() {
                return Err(Stop::Interrupted);
            }
            if self.book().is_silent(operation) {
                let method = operation.method();
                let reason = format!("several {method} in a row had no answer: see {IN_TIME}");
                return Err(Stop::Skipped(reason));
            }
            let mut request = self.request(operation, id);
            if let Some(header) = self.header(login)? {
                request = request.header(AUTHORIZATION, header);
            }
            if let Some((credential, body)) = registration {
                self.book().ledger.registering(credential);
                let json = HeaderValue::from_static("application/json");
                request = request.header(CONTENT_TYPE, json).body(body.to_owned());
            }
            let sending = self.exchange(operation, id, request);
            let (seen, wait) = match operation {
                // Cut off, it could take effect after the revocation at the end.
                Operation::Put | Operation::Delete => sending.await?,
                Operation::Get => self.unless_stopped(sending).await??,
            };
            if registration.is_some() {
                self.book().ledger.answered(id, seen.status);
            }
            tries += 1;
            match wait {
                Some(wait) if tries < TRIES => {
                    self.unless_stopped(tokio::time::sleep(wait)).await?;
                }
                _ => {
                    let again = tries > 1;
                    let times = if again {
                        format!(" ({tries} tries)")
                    } else {
                        String::new()
                    };
                    let line = format!("{} {}{times}", operation.method(), seen.status);
                    self.book().trail.push(line);
                    return Ok(Seen { again, ..seen });
                }
            }
        }
    }

    /// One request; also how long to wait before it is made again, if it should be.
    async fn exchange(
        &self,
        operation: Operation,
        id: &str,
        request: RequestBuilder,
    ) -> Result<(Seen, Option<Duration>), Stop> {
        let began = Instant::now();
        let answer = net::send(request, self.patience.answer).await;
        let took = began.elapsed();
        let mut book = self.book();
        let answer = answer.map_err(|reason| book.no_answer(operation, reason, self.patience))?;
        book.answered(&self.contract, operation, id, took, &answer)?;
        let status = answer.status.as_u16();
        let seen = Seen {
            operation,
            status,
            again: false,
        };
        Ok((seen, self.wait(&answer)))
    }

    /// How long an answer has its request wait before it is made again.
    fn wait(&self, answer: &Answer) -> Option<Duration> {
        is_busy(answer).then(|| {
            let asked = retry_after(answer).and_then(Result::ok);
            asked.unwrap_or(self.patience.retry).min(LONGEST_WAIT)
        })
    }

    /// Asks apart from all rules, and whatever has happened: for cleaning up.
    async fn quietly(
        &self,
        operation: Operation,
        id: &str,
        login: &Login<'_>,
    ) -> Result<u16, String> {
        let tries = if self.book().is_silent(operation) {
            1
        } else {
            TRIES
        };
        let mut last = Err("it was not tried".to_owned());
        for _ in 0..tries {
            let mut request = self.request(operation, id);
            if let Ok(Some(header)) = self.header(login) {
                request = request.header(AUTHORIZATION, header);
            }
            let wait = match net::send(request, self.patience.answer).await {
                Ok(answer) => {
                    last = Ok(answer.status.as_u16());
                    self.wait(&answer)
                }
                Err(reason) => {
                    last = Err(format!("{} failed: {reason}", operation.method()));
                    Some(self.patience.retry)
                }
            };
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => break,
            }
        }
        last
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let done = self.stop.run_until_cancelled(work).await;
        done.ok_or(Stop::Interrupted)
    }

    fn request(&self, operation: Operation, id: &str) -> RequestBuilder {
        let mut url = self.url.clone();
        // The id is in the form that it is to be sent in; `path_segments_mut` would escape it again.
        let path = format!("{}/credentials/{id}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        self.client.request(operation.method(), url)
    }

    fn header(&self, login: &Login<'_>) -> Result<Option<HeaderValue>, Stop> {
        let text = match login {
            Login::Administrator => format!("Bearer {}", self.token.expose_secret()),
            Login::Header(header) => header.expose_secret().to_owned(),
            Login::Nobody => return Ok(None),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            Stop::Skipped("--authorization makes a header that HTTP does not allow".to_owned())
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// What the rule under way has seen; it begins anew.
    pub(crate) fn take_trail(&self) -> Vec<String> {
        std::mem::take(&mut self.book().trail)
    }

    /// What rules about all answers go by.
    pub(crate) fn answers(&self) -> Answers {
        self.book().answers.clone()
    }

    /// Every secret that was sent. For looking whether one of them got into an output.
    #[cfg(test)]
    pub(crate) fn secrets(&self) -> Vec<String> {
        let book = self.book();
        let secrets = book.secrets.iter().map(|it| it.expose_secret().to_owned());
        secrets.collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
