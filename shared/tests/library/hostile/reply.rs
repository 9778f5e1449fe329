//! A server that answers every request with the same bytes, which need not be HTTP.

use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::{any_json, odd_text};
use crate::support::VAR;

/// Stands for the request's `Authorization` in an answer, without its scheme.
const AUTHORIZATION: &str = "@AUTHORIZATION@";

/// Stands for the request's body.
const BODY: &str = "@BODY@";

#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    bytes: Vec<u8>,
    /// Sent again and again, for as long as somebody reads.
    endless: Vec<u8>,
    /// The connection stays open.
    silent: bool,
}

pub(super) struct Replying {
    pub(super) url: Url,
    reply: Arc<Mutex<Reply>>,
    _serving: AbortOnDropHandle<()>,
}

impl Replying {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let reply = Arc::new(Mutex::new(Reply::default()));
        let current = Arc::clone(&reply);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let reply = current.lock().unwrap().clone();
                // Whoever has read enough goes.
                tokio::spawn(async move { answer(stream, reply).await });
            }
        });
        Self {
            url: url.parse().unwrap(),
            reply,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub(super) fn with(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }
}

async fn answer(mut stream: TcpStream, reply: Reply) -> std::io::Result<()> {
    let request = request(&mut stream).await?;
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or_default();
    let authorization = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let value = value.rsplit(' ').next()?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    });
    let mut bytes = reply.bytes;
    for (mark, text) in [(AUTHORIZATION, authorization.unwrap_or("")), (BODY, body)] {
        bytes = replaced(&bytes, mark.as_bytes(), text.as_bytes());
    }
    stream.write_all(&bytes).await?;
    while !reply.endless.is_empty() {
        stream.write_all(&reply.endless).await?;
    }
    if reply.silent {
        stream.read_u8().await?;
    }
    stream.shutdown().await
}

async fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let value = value.parse().ok()?;
                name.eq_ignore_ascii_case("content-length").then_some(value)
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(text);
            }
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(text);
        }
    }
}

fn replaced(bytes: &[u8], mark: &[u8], with: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(mark.len()).position(|it| it == mark) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(with);
        rest = &rest[at + mark.len()..];
    }
    result.extend_from_slice(rest);
    result
}

/// Any answer: bytes, or HTTP that is odd in one way or another and has the request's secrets in it.
pub(super) fn any_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..200).prop_map(|bytes| Reply { bytes, ..Reply::default() }),
        1 => Just(Reply { silent: true, ..Reply::default() }),
        8 => odd_http(),
    ]
}

fn odd_http() -> impl Strategy<Value = Reply> {
    let status = prop_oneof![
        4 => Just(200_u16),
        1 => 100_u16..104,
        4 => 200_u16..1000,
        2 => prop::sample::select(vec![301_u16, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503]),
    ];
    (status, headers(), body(), 0_u8..8).prop_map(|(status, headers, body, framing)| {
        let head = format!("HTTP/1.1 {status} {AUTHORIZATION}\r\n{headers}");
        let length = body.len();
        let (framing, body, endless, silent) = match framing {
            // Too long, too short, or twice.
            0 => (
                format!("content-length: {}\r\n", length + 9),
                body,
                "",
                true,
            ),
            1 => ("content-length: 1\r\n".to_owned(), body, "", false),
            2 => (
                "content-length: 1\r\ncontent-length: 2\r\n".to_owned(),
                body,
                "",
                false,
            ),
            3 => {
                let chunk =
                    "400\r\n                                                                \r\n";
                (
                    "transfer-encoding: chunked\r\n".to_owned(),
                    String::new(),
                    chunk,
                    false,
                )
            }
            4 => {
                let chunked = format!("{length:x}\r\n{body}\r\nzz\r\n");
                (
                    "transfer-encoding: chunked\r\n".to_owned(),
                    chunked,
                    "",
                    false,
                )
            }
            // A body, or headers, without an end.
            5 => (String::new(), body, "                ", false),
            6 => {
                return Reply {
                    bytes: head.into_bytes(),
                    endless: b"x-more: of the same\r\n".to_vec(),
                    silent: false,
                };
            }
            _ => ("connection: close\r\n".to_owned(), body, "", false),
        };
        Reply {
            bytes: format!("{head}{framing}\r\n{body}").into_bytes(),
            endless: endless.as_bytes().to_vec(),
            silent,
        }
    })
}

fn headers() -> impl Strategy<Value = String> {
    let header = prop_oneof![
        Just(format!("request-id: {AUTHORIZATION}")),
        Just("request-id: 01234567-89ab-cdef-0123-456789abcdef".to_owned()),
        prop::sample::select(vec![
            "0",
            "-1",
            "0.5",
            "18446744073709551615",
            "9e99",
            "soon",
            ""
        ])
        .prop_map(|after| format!("retry-after: {after}")),
        Just(format!("ratelimit-remaining: {AUTHORIZATION}")),
        Just(format!("location: https://evil.example/?{AUTHORIZATION}")),
        Just(format!("content-type: {AUTHORIZATION}")),
        "[a-z-]{1,10}: [ -~]{0,20}",
        "[ -~\\x80-\\xff]{0,30}",
        Just(format!("x-long: {}", "x".repeat(20_000))),
    ];
    vec(header, 0..4).prop_map(|headers| headers.into_iter().map(|it| it + "\r\n").collect())
}

/// Bodies of the right shape or nearly, with what was sent in them.
pub(super) fn marked_bodies() -> Vec<String> {
    vec![
        format!(r#"{{"id":"{AUTHORIZATION}","message":"{AUTHORIZATION} {BODY}"}}"#),
        format!(r#"{{"error":"{AUTHORIZATION}","error_description":"{BODY}"}}"#),
        format!(r#"{{"access_token":"canary_access","refresh_token":"{AUTHORIZATION}"}}"#),
        r#"{"access_token":"canary_access\r\nx: y"}"#.to_owned(),
        r#"{"access_token":{"canary_access":1}}"#.to_owned(),
        format!(r#"{{"config":{{"{VAR}":"canary_shown","OTHER":null}}}}"#),
        format!(r#"{{"config":{{"{VAR}":["canary_shown"]}}}}"#),
        format!(r#"[{{"name":"{VAR}","value":"canary_shown"}},{{"name":"{VAR}","value":null}}]"#),
        format!(r#"[{{"name":"{VAR}","value":{{"canary_shown":1}}}}]"#),
        "[".repeat(100_000),
        r#"{"config":"#.repeat(50_000),
    ]
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(marked_bodies()),
        1 => any_json().prop_map(|it| it.to_string()),
        1 => odd_text(),
    ]
}

/// A success with this body.
pub(super) fn ok(body: &str) -> Reply {
    reply(200, body)
}

/// An answer with this body, and with what was sent in its headers.
pub(super) fn reply(status: u16, body: &str) -> Reply {
    let head = format!(
        "HTTP/1.1 {status} {AUTHORIZATION}\r\nrequest-id: {AUTHORIZATION}\r\nconnection: close\r\n"
    );
    Reply {
        bytes: format!("{head}\r\n{body}").into_bytes(),
        ..Reply::default()
    }
}
