//! Logins by [`sha256_password`](https://dev.mysql.com/doc/refman/9.7/en/sha256-pluggable-authentication.html),
//! which the driver does not know.
//!
//! MySQL asks for it half of those whom it does not know itself, so that nobody finds out who there is. A user that was
//! dropped is refused only when such a login has gone its whole way.

use std::net::SocketAddr;
use std::sync::Arc;

use mysql_async::{Error, IoError, ServerError};
use mysql_common::crypto::encrypt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::session::Login;
use crate::net::{self, Unreachable};

pub(super) const PLUGIN: &str = "sha256_password";

/// Of the [protocol](https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basics.html):
/// `LONG_PASSWORD`, `PROTOCOL_41`, `SECURE_CONNECTION`, `PLUGIN_AUTH`.
const CAPABILITIES: u32 = 0x1 | 0x200 | 0x8000 | 0x8_0000;

/// `SSL`
const ENCRYPTED: u32 = 0x800;

/// utf8mb4
const CHARACTERS: u8 = 45;

/// More is none of a login's packets.
const LONGEST: usize = 64 * 1024;

/// The packets of one side after the other, numbered through.
struct Line<S> {
    stream: S,
    number: u8,
}

/// Succeeds if the server lets the user in.
pub(super) async fn log_in(login: &Login<'_>, addresses: &[SocketAddr]) -> Result<(), Fault> {
    let stream = TcpStream::connect(addresses).await.map_err(broken)?;
    let mut line = Line { stream, number: 0 };
    // Its greeting. What it offers, the driver has found out.
    line.hear().await?;
    if login.is_plain {
        return authenticate(line, login, CAPABILITIES).await;
    }
    line.say(&opening(CAPABILITIES | ENCRYPTED)).await?;
    let tls = net::tls(login.roots).map_err(|_| out_of_order())?;
    let host = net::without_brackets(login.host).to_owned();
    let name = ServerName::try_from(host).map_err(|_| out_of_order())?;
    let encrypting = TlsConnector::from(Arc::new(tls)).connect(name, line.stream);
    let line = Line {
        stream: encrypting.await.map_err(broken)?,
        number: line.number,
    };
    authenticate(line, login, CAPABILITIES | ENCRYPTED).await
}

async fn authenticate<S>(
    mut line: Line<S>,
    login: &Login<'_>,
    capabilities: u32,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut response = opening(capabilities);
    response.extend(login.user.as_bytes());
    // No answer to the greeting, which is for another plugin than is asked for.
    response.extend([0, 0]);
    response.extend(b"caching_sha2_password\0");
    line.say(&response).await?;
    let asked = line.hear().await?;
    let question = asked.strip_prefix(b"\xfe");
    let question = question.and_then(|it| it.strip_prefix(PLUGIN.as_bytes()));
    let nonce = question
        .and_then(|it| it.strip_prefix(b"\0"))
        .and_then(|it| it.get(..20))
        .ok_or_else(out_of_order)?;
    let mut password = Zeroizing::new(login.password.as_bytes().to_vec());
    password.push(0);
    if login.is_plain {
        line.say(b"\x01").await?;
        let key = line.hear().await?;
        let nonce = nonce.iter().cycle();
        password
            .iter_mut()
            .zip(nonce)
            .for_each(|(it, by)| *it ^= by);
        password = Zeroizing::new(encrypt(&password, key.get(1..).unwrap_or_default()));
    }
    line.say(&password).await?;
    line.hear().await.map(drop)
}

/// What a request for encryption is, and how the answer to the greeting begins.
fn opening(capabilities: u32) -> Vec<u8> {
    let mut opening = capabilities.to_le_bytes().to_vec();
    opening.extend(u32::try_from(LONGEST).unwrap_or_default().to_le_bytes());
    opening.push(CHARACTERS);
    opening.extend([0; 23]);
    opening
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    /// A packet; an error's is an error.
    async fn hear(&mut self) -> Result<Vec<u8>, Fault> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).await.map_err(broken)?;
        let [a, b, c, number] = header;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap_or(usize::MAX);
        if length == 0 || length > LONGEST {
            return Err(out_of_order());
        }
        self.number = number.wrapping_add(1);
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet).await.map_err(broken)?;
        match packet.as_slice() {
            [0xff, low, high, message @ ..] => Err(Fault::Server(server_error(
                u16::from_le_bytes([*low, *high]),
                message,
            ))),
            _ => Ok(packet),
        }
    }

    async fn say(&mut self, packet: &[u8]) -> Result<(), Fault> {
        let length = u32::try_from(packet.len()).map_err(|_| out_of_order())?;
        let [a, b, c, _] = length.to_le_bytes();
        let whole = Zeroizing::new([&[a, b, c, self.number], packet].concat());
        self.number = self.number.wrapping_add(1);
        self.stream.write_all(&whole).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }
}

fn server_error(code: u16, message: &[u8]) -> ServerError {
    let message = String::from_utf8_lossy(message).into_owned();
    let (state, message) = match message
        .strip_prefix('#')
        .and_then(|it| it.split_at_checked(5))
    {
        Some((state, message)) => (state.to_owned(), message.to_owned()),
        None => ("HY000".to_owned(), message),
    };
    ServerError {
        code,
        message,
        state,
    }
}

fn broken(error: std::io::Error) -> Fault {
    Error::Io(IoError::Io(error)).into()
}

fn out_of_order() -> Fault {
    Fault::Unreachable(Unreachable::Protocol)
}
