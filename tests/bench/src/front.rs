//! The addresses that the functions reach AWS, Heroku and the service at: what is asked there goes on
//! to the stand-ins and onto a tape, or is answered from one at once.

mod door;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::Value;
use tokio_rustls::TlsAcceptor;
use url::Url;

use self::door::{Bound, Open};
use super::BenchError;
use super::lambda::Lambda;
use super::tape::{Answer, Host, Playback, Question, Tape};

/// Which of the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Aws,
    HerokuApi,
    HerokuId,
    Service,
}

/// Where the stand-ins are.
pub(crate) struct Upstream {
    pub(crate) aws: Url,
    pub(crate) heroku_api: Url,
    pub(crate) heroku_id: Url,
    pub(crate) service: Url,
}

/// Where the functions find them.
#[derive(Clone)]
pub(crate) struct Addresses {
    pub(crate) aws: Url,
    pub(crate) heroku_api: Url,
    pub(crate) heroku_oauth: Url,
    pub(crate) service: Url,
}

/// Addresses that are taken and not served yet.
pub(crate) struct BoundFront {
    doors: [(Door, Bound); 4],
    pub(crate) addresses: Addresses,
    tls: Option<TlsAcceptor>,
}

impl BoundFront {
    /// Takes the addresses; with `tls` they are HTTPS.
    pub(crate) async fn bind(tls: Option<TlsAcceptor>) -> Result<Self, BenchError> {
        let (aws, api) = (Bound::new().await?, Bound::new().await?);
        let (id, service) = (Bound::new().await?, Bound::new().await?);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = |door: &Bound, path: &str| {
            // By name, as in production: a name is looked up, and a certificate is for one.
            let url = format!("{scheme}://localhost:{}/{path}", door.port());
            Url::parse(&url).map_err(|error| BenchError::Front(std::io::Error::other(error)))
        };
        let addresses = Addresses {
            aws: url(&aws, "")?,
            heroku_api: url(&api, "")?,
            heroku_oauth: url(&id, "oauth/token")?,
            service: url(&service, "v1")?,
        };
        Ok(Self {
            doors: [
                (Door::Aws, aws),
                (Door::HerokuApi, api),
                (Door::HerokuId, id),
                (Door::Service, service),
            ],
            addresses,
            tls,
        })
    }

    /// Begins to answer.
    pub(crate) fn serve(self, desk: &Arc<Desk>) -> Front {
        let open = self
            .doors
            .map(|(door, bound)| bound.open(door, self.tls.clone(), Arc::clone(desk)));
        Front { _doors: open }
    }
}

/// The addresses, served until dropped.
pub(crate) struct Front {
    _doors: [Open; 4],
}

enum Mode {
    /// Goes on to the stand-ins, and onto the tape of the function that runs.
    Recording,
    /// Is answered from the tape, so much later.
    Playing(Playback, Duration),
}

/// What was recorded of one invocation.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) event: Value,
    pub(crate) tape: Tape,
}

struct Book {
    mode: Mode,
    /// The functions that run, each called by the one before it.
    running: Vec<String>,
    recordings: BTreeMap<String, Recording>,
}

/// Where every request of a function passes.
pub(crate) struct Desk {
    book: Mutex<Book>,
    upstream: Upstream,
    lambda: Lambda,
    http: reqwest::Client,
}

impl Desk {
    pub(crate) fn new(upstream: Upstream, lambda: Lambda, http: reqwest::Client) -> Arc<Self> {
        let book = Book {
            mode: Mode::Recording,
            running: Vec::new(),
            recordings: BTreeMap::new(),
        };
        Arc::new(Self {
            book: Mutex::new(book),
            upstream,
            lambda,
            http,
        })
    }

    /// Records what follows as asked by this invocation, until [`Desk::ends`].
    pub(crate) fn begins(&self, name: &str, event: &Value) {
        let mut book = self.book();
        book.running.push(name.to_owned());
        let recording = Recording {
            event: event.clone(),
            tape: Tape::default(),
        };
        book.recordings.insert(name.to_owned(), recording);
    }

    /// Ends the last invocation of this name, which a later one may outlive.
    pub(crate) fn ends(&self, name: &str) {
        let running = &mut self.book().running;
        if let Some(place) = running.iter().rposition(|it| it == name) {
            running.remove(place);
        }
    }

    /// What was recorded since the last time, by the invocations' names.
    pub(crate) fn take_recordings(&self) -> BTreeMap<String, Recording> {
        std::mem::take(&mut self.book().recordings)
    }

    /// Plays a tape for the next invocation; each answer comes `latency` after its request.
    pub(crate) fn play(&self, tape: Tape, is_cold: bool, latency: Duration) {
        self.book().mode = Mode::Playing(Playback::new(tape, is_cold), latency);
    }

    /// In what the invocation differed from its tape.
    pub(crate) fn differences(&self) -> Vec<String> {
        match &self.book().mode {
            Mode::Recording => Vec::new(),
            Mode::Playing(playback, _) => playback.differences(),
        }
    }

    async fn answer(&self, door: Door, request: Request<Bytes>) -> Response<Bytes> {
        let question = question(door, &request);
        let (answer, ends, latency) = {
            let mut book = self.book();
            match &mut book.mode {
                Mode::Recording => (None, false, None),
                Mode::Playing(playback, latency) => {
                    let (answer, ends) = playback.answer(&question).unzip();
                    (answer, ends.unwrap_or_default(), Some(*latency))
                }
            }
        };
        let Some(latency) = latency else {
            return self.record(door, question, request).await;
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match answer {
            Some(answer) => response(&answer, ends),
            None => plain(StatusCode::NOT_IMPLEMENTED),
        }
    }

    async fn record(
        &self,
        door: Door,
        question: Question,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        // Before what it calls in turn: the order of the tape is that of the requests.
        let running = self.book().running.last().cloned();
        let answer = match question.host {
            Host::Lambda => self.lambda.answer(&question.path, request.body()).await,
            _ => self.forward(door, request).await,
        };
        let Some(answer) = answer else {
            return plain(StatusCode::BAD_GATEWAY);
        };
        let response = response(&answer, false);
        let mut book = self.book();
        let recording = running.and_then(|name| book.recordings.get_mut(&name));
        if let Some(recording) = recording {
            recording.tape.0.push((question, answer));
        }
        response
    }

    async fn forward(&self, door: Door, request: Request<Bytes>) -> Option<Answer> {
        let mut url = match door {
            Door::Aws => self.upstream.aws.clone(),
            Door::HerokuApi => self.upstream.heroku_api.clone(),
            Door::HerokuId => self.upstream.heroku_id.clone(),
            Door::Service => self.upstream.service.clone(),
        };
        url.set_path(request.uri().path());
        url.set_query(request.uri().query());
        let (parts, body) = request.into_parts();
        let mut headers = parts.headers;
        headers.remove(HOST);
        let sent = self.http.request(parts.method, url).headers(headers);
        let answer = sent.body(body).send().await.ok()?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        // Of the connection to the stand-in, not of the answer.
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        let body = answer.bytes().await.ok()?;
        Some(Answer {
            status,
            headers,
            body,
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn question(door: Door, request: &Request<Bytes>) -> Question {
    let path = request.uri().path();
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix("secretsmanager."));
    let host = match door {
        Door::Aws if target == Some("AWSEvents.PutEvents") => Host::Events,
        Door::Aws if operation.is_some() => Host::SecretsManager,
        Door::Aws if path.starts_with("/schedules") => Host::Scheduler,
        Door::Aws => Host::Lambda,
        Door::HerokuApi => Host::HerokuApi,
        Door::HerokuId => Host::HerokuId,
        Door::Service => Host::Service,
    };
    let subject = operation.map(|operation| {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        format!("{operation} {} {}", text("SecretId"), text("VersionId"))
    });
    Question {
        host,
        method: request.method().clone(),
        path: path.to_owned(),
        subject,
    }
}

fn response(answer: &Answer, ends_connection: bool) -> Response<Bytes> {
    let mut response = Response::new(answer.body.clone());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers.clone();
    if ends_connection {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

fn plain(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::{HeaderMap, Method};

    use super::*;
    use crate::processors::Starter;

    #[tokio::test]
    async fn what_is_played_is_answered_once_and_what_is_not_on_the_tape_is_told() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let nowhere: Url = "http://127.0.0.1:1/".parse().unwrap();
        let upstream = Upstream {
            aws: nowhere.clone(),
            heroku_api: nowhere.clone(),
            heroku_id: nowhere.clone(),
            service: nowhere,
        };
        let here = Path::new(".");
        let lambda = Lambda::new(Starter::on(0).unwrap(), here, here);
        let http = reqwest::Client::new();
        let desk = Desk::new(upstream, lambda, http.clone());
        let front = BoundFront::bind(None).await.unwrap();
        let service = front.addresses.service.clone();
        let _front = front.serve(&desk);
        let question = Question {
            host: Host::Service,
            method: Method::GET,
            path: "/v1".to_owned(),
            subject: None,
        };
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"accepted"),
        };
        desk.play(Tape(vec![(question, answer)]), true, Duration::ZERO);
        assert_eq!(desk.differences(), ["not asked: service GET /v1 "]);
        let answer = http.get(service.clone()).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "accepted");
        assert!(desk.differences().is_empty());
        let again = http.get(service).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_IMPLEMENTED);
        assert_eq!(
            desk.differences(),
            ["asked for the first time: service GET /v1 "]
        );
    }
}
