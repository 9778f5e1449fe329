//! A service that does all that the contract asks, or all but one thing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

pub(super) const TOKEN: &str = "the-administrators-token";

/// What is wrong with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    UnknownIsForbidden,
    NewIs202,
    AcceptedLater,
    AgainIsConflict,
    OtherFieldsReplace,
    BadBodyIs422,
    BadBodyRegisters,
    AnyTokenRegisters,
    RefusedPutRegisters,
    NobodyRegisters,
    OneAtATime,
    AdministratorIsLetIn,
    NobodyIsLetIn,
    EveryKeyFitsAll,
    AnyTokenRevokes,
    NobodyRevokes,
    RefusedDeleteRevokes,
    CustomersAdminister,
    UnknownDeleteIs400,
    DeleteIs200,
    DeleteIsForShow,
    DeleteAgainIs410,
    DeleteIsForAll,
    IdsAreCutOff,
    IdsAreNotDecoded,
    IdsEndAtNull,
    StrangeIdsAre500,
    NeverAnswers,
    HangsUp,
    Redirects,
    IsEndless,
    AnswersHtml,
    NamesAnotherId,
    SaysNoContentType,
    /// Of a credential, as of a path where nothing is.
    SaysNotFound,
    /// To a customer, as to a wrong administrator.
    SaysUnauthorized,
    RetryAfterDate,
    BusyOnce,
    EchoesInBody,
    EchoesInHeader,
    EchoesEncoded,
    /// A GET of the first credential has no answer: time to stop the command.
    HangsWhileRegistered,
    HangsAtDelete,
    /// A registration takes effect once it is let, whether somebody waits for its answer or not.
    RegistersLater,
}

/// Marks an answer that is not to be sent.
#[derive(Debug, Clone, Copy)]
enum Unanswered {
    Hangs,
    HangsUp,
}

pub(super) struct Service {
    pub(super) url: Url,
    book: Arc<Mutex<Book>>,
    _serving: AbortOnDropHandle<()>,
}

struct Book {
    wrong: Wrong,
    live: BTreeMap<String, Value>,
    known: BTreeSet<String>,
    elsewhere: usize,
    first: bool,
    hanging: Arc<tokio::sync::Notify>,
    let_go: Arc<tokio::sync::Notify>,
}

impl Service {
    pub(super) async fn start(wrong: Wrong) -> Self {
        let book = Arc::new(Mutex::new(Book {
            wrong,
            live: BTreeMap::new(),
            known: BTreeSet::new(),
            elsewhere: 0,
            first: true,
            hanging: Arc::default(),
            let_go: Arc::default(),
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&book));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url: Url::parse(&url).unwrap(),
            book,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub(super) fn live(&self) -> Vec<String> {
        self.book.lock().unwrap().live.keys().cloned().collect()
    }

    /// How many credentials there ever were.
    pub(super) fn known(&self) -> usize {
        self.book.lock().unwrap().known.len()
    }

    /// How many requests followed a redirect.
    pub(super) fn elsewhere(&self) -> usize {
        self.book.lock().unwrap().elsewhere
    }

    pub(super) fn is_now(&self, wrong: Wrong) {
        self.book.lock().unwrap().wrong = wrong;
    }

    /// Has a registration take effect that is under way.
    pub(super) fn let_go(&self) {
        self.book.lock().unwrap().let_go.notify_one();
    }

    /// Until a request is left without an answer.
    pub(super) async fn hanging(&self) {
        let hanging = Arc::clone(&self.book.lock().unwrap().hanging);
        hanging.notified().await;
    }
}

async fn answer(
    State(book): State<Arc<Mutex<Book>>>,
    method: Method,
    uri: axum::http::Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> Response {
    let bearer = headers.get(AUTHORIZATION).map(|it| {
        it.to_str()
            .unwrap()
            .strip_prefix("Bearer ")
            .unwrap()
            .to_owned()
    });
    let bearer = bearer.as_deref();
    let later = {
        let mut book = book.lock().unwrap();
        let later = method == Method::PUT && book.is(Wrong::RegistersLater);
        later.then(|| {
            // The next one is answered at once.
            book.wrong = Wrong::Nothing;
            book.hanging.notify_one();
            Arc::clone(&book.let_go)
        })
    };
    if let Some(let_go) = later {
        let (book, uri, bearer) = (Arc::clone(&book), uri.clone(), bearer.map(str::to_owned));
        let registered = tokio::spawn(async move {
            let_go.notified().await;
            let id = uri.path().strip_prefix("/v1/credentials/").unwrap();
            book.lock().unwrap().put(id, bearer.as_deref(), &body)
        });
        return registered.await.unwrap();
    }
    let answer = {
        let mut book = book.lock().unwrap();
        let Some(id) = uri.path().strip_prefix("/v1/credentials/") else {
            book.elsewhere += 1;
            return error(404, "not_found");
        };
        match method {
            Method::PUT => book.put(id, bearer, &body),
            Method::GET => book.get(id, bearer),
            Method::DELETE => book.delete(id, bearer),
            _ => error(405, "not_allowed"),
        }
    };
    match answer.extensions().get() {
        None => answer,
        Some(Unanswered::Hangs) => std::future::pending().await,
        // Which ends the connection.
        Some(Unanswered::HangsUp) => panic!("hangs up"),
    }
}

impl Book {
    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    /// The id, or the status for one that is none.
    fn id(&self, raw: &str) -> Result<String, u16> {
        let mut id = percent_decode_str(raw).decode_utf8_lossy().into_owned();
        if self.is(Wrong::IdsAreNotDecoded) {
            id = raw.to_owned();
        }
        if self.is(Wrong::IdsEndAtNull) {
            id = id.split('\0').next().unwrap().to_owned();
        }
        let is_id = |c: char| c.is_ascii_alphanumeric() || "_.~-".contains(c);
        if id.len() > 128 || !id.chars().all(is_id) {
            let strange = self.is(Wrong::StrangeIdsAre500);
            return Err(if strange { 500 } else { 400 });
        }
        if self.is(Wrong::IdsAreCutOff) {
            id.truncate(127);
        }
        Ok(id)
    }

    fn administrator(&self, bearer: Option<&str>) -> bool {
        bearer == Some(TOKEN) || self.is(Wrong::CustomersAdminister) && self.is_key(bearer)
    }

    fn is_key(&self, bearer: Option<&str>) -> bool {
        bearer.is_some()
            && self
                .live
                .values()
                .any(|it| it["api_key"].as_str() == bearer)
    }

    fn put(&mut self, raw: &str, bearer: Option<&str>, body: &[u8]) -> Response {
        let id = match self.id(raw) {
            Ok(id) => id,
            Err(status) => return error(status, "bad_request"),
        };
        let any = self.is(Wrong::AnyTokenRegisters) && bearer.is_some() && !self.is_key(bearer);
        let nobody = self.is(Wrong::NobodyRegisters) && bearer.is_none();
        let fields = serde_json::from_slice::<BTreeMap<String, String>>(body).ok();
        let fields = fields.filter(|it| it.contains_key("api_key"));
        if !(self.administrator(bearer) || any || nobody) {
            if self.is(Wrong::RefusedPutRegisters) && bearer.is_some() && !self.is_key(bearer) {
                self.live.insert(id, json!(fields));
            }
            return error(401, "unauthorized");
        }
        let busy = self.is(Wrong::RetryAfterDate) || self.is(Wrong::BusyOnce);
        if busy && std::mem::replace(&mut self.first, false) {
            let dated = self.is(Wrong::RetryAfterDate);
            let later = if dated {
                "Tue, 24 Nov 2026 10:00:00 GMT"
            } else {
                "0"
            };
            let answer = error(503, "unavailable");
            return ([(RETRY_AFTER, later)], answer).into_response();
        }
        let Some(fields) = fields else {
            if self.is(Wrong::BadBodyRegisters) {
                self.live.insert(id, Value::Null);
            }
            return error(
                if self.is(Wrong::BadBodyIs422) {
                    422
                } else {
                    400
                },
                "bad_request",
            );
        };
        let fields = json!(fields);
        if let Some(known) = self
            .live
            .get(&id)
            .filter(|_| !self.is(Wrong::OtherFieldsReplace))
        {
            if *known == fields && !self.is(Wrong::AgainIsConflict) {
                return registered(200, raw);
            }
            let key = fields["api_key"].as_str().unwrap();
            let secret = match self.wrong {
                Wrong::EchoesInBody => key.to_owned(),
                Wrong::EchoesEncoded => {
                    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key)
                }
                _ => String::new(),
            };
            let answer = error(409, &format!("conflict {secret}"));
            if self.is(Wrong::EchoesInHeader) {
                return ([("x-key", key)], answer).into_response();
            }
            return answer;
        }
        if self.is(Wrong::OneAtATime) {
            self.live.clear();
        }
        let known = self.live.insert(id.clone(), fields);
        self.known.insert(id);
        match (known, self.wrong) {
            (Some(_), _) => registered(200, raw),
            (None, Wrong::NewIs202) => registered(202, raw),
            (None, Wrong::NamesAnotherId) => registered(201, "another"),
            (None, Wrong::SaysNoContentType) => {
                (StatusCode::CREATED, json!({ "id": raw }).to_string()).into_response()
            }
            (None, _) => registered(201, raw),
        }
    }

    fn get(&self, raw: &str, bearer: Option<&str>) -> Response {
        let id = match self.id(raw) {
            Ok(id) => id,
            Err(status) => return error(status, "bad_request"),
        };
        if !self.known.contains(&id) && self.is(Wrong::UnknownIsForbidden) {
            return error(403, "forbidden");
        }
        let Some(fields) = self.live.get(&id) else {
            if self.is(Wrong::AnswersHtml) {
                let page = "<html><body>Not found</body></html>";
                let html = [(CONTENT_TYPE, "text/html")];
                return (StatusCode::NOT_FOUND, html, page).into_response();
            }
            return no_such_credential(self.is(Wrong::SaysNotFound));
        };
        if self.is(Wrong::HangsWhileRegistered) {
            self.hanging.notify_one();
            return unanswered(Unanswered::Hangs);
        }
        let fits = fields["api_key"].as_str() == bearer && !self.is(Wrong::AcceptedLater)
            || self.is(Wrong::AdministratorIsLetIn) && bearer == Some(TOKEN)
            || self.is(Wrong::NobodyIsLetIn) && bearer.is_none()
            || self.is(Wrong::EveryKeyFitsAll) && self.is_key(bearer);
        if fits {
            json_answer(200, &json!({ "accepted": true }))
        } else if self.is(Wrong::SaysUnauthorized) {
            error(401, "unauthorized")
        } else {
            error(401, "credential_refused")
        }
    }

    fn delete(&mut self, raw: &str, bearer: Option<&str>) -> Response {
        let id = match self.id(raw) {
            Ok(id) => id,
            Err(status) => return error(status, "bad_request"),
        };
        let any = self.is(Wrong::AnyTokenRevokes) && bearer.is_some() && !self.is_key(bearer);
        let nobody = self.is(Wrong::NobodyRevokes) && bearer.is_none();
        if !(self.administrator(bearer) || any || nobody) {
            if self.is(Wrong::RefusedDeleteRevokes) && bearer.is_none() {
                self.live.remove(&id);
            }
            return error(401, "unauthorized");
        }
        if self.is(Wrong::HangsAtDelete) {
            self.hanging.notify_one();
            return unanswered(Unanswered::Hangs);
        }
        if self.is(Wrong::DeleteIsForShow) {
            return StatusCode::NO_CONTENT.into_response();
        }
        if self.live.remove(&id).is_some() {
            if self.is(Wrong::DeleteIsForAll) {
                self.live.clear();
            }
            return match self.wrong {
                Wrong::DeleteIs200 => StatusCode::OK.into_response(),
                _ => StatusCode::NO_CONTENT.into_response(),
            };
        }
        let known = self.known.contains(&id);
        match self.wrong {
            Wrong::DeleteAgainIs410 if known => error(410, "gone"),
            Wrong::UnknownDeleteIs400 if !known => error(400, "bad_request"),
            Wrong::NeverAnswers if !known && std::mem::replace(&mut self.first, false) => {
                unanswered(Unanswered::Hangs)
            }
            Wrong::HangsUp if !known && std::mem::replace(&mut self.first, false) => {
                unanswered(Unanswered::HangsUp)
            }
            Wrong::Redirects if !known => {
                let status = StatusCode::TEMPORARY_REDIRECT;
                (status, [(LOCATION, "/elsewhere")]).into_response()
            }
            Wrong::IsEndless if !known => {
                error(404, &"x".repeat(addon_rotation::net::LARGEST_ANSWER))
            }
            _ => no_such_credential(self.is(Wrong::SaysNotFound)),
        }
    }
}

fn no_such_credential(in_general: bool) -> Response {
    let word = if in_general {
        "not_found"
    } else {
        "no_such_credential"
    };
    error(404, word)
}

fn unanswered(how: Unanswered) -> Response {
    let mut answer = StatusCode::OK.into_response();
    answer.extensions_mut().insert(how);
    answer
}

fn registered(status: u16, id: &str) -> Response {
    json_answer(status, &json!({ "id": id }))
}

fn error(status: u16, word: &str) -> Response {
    json_answer(status, &json!({ "error": word, "message": "It is so." }))
}

fn json_answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, axum::Json(body)).into_response()
}
