//! In front of a database: a turn of its protocol is what a request is over HTTP. A turn begins when
//! the client speaks after the server did.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Bound, Passage, Proxy};
use crate::fault::{Kind, TURN};

/// Whose protocol it is: how the server says that it has no connections left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// See "Message Formats" in PostgreSQL's manual.
    Postgres,
    /// See `ERR_Packet` in MariaDB's and MySQL's.
    Mysql,
    /// See "Redis serialization protocol".
    Redis,
}

impl Protocol {
    /// Whether the client only says that it goes: there is no answer to that.
    fn is_goodbye(self, said: &[u8]) -> bool {
        match self {
            Self::Postgres => said == b"X\0\0\0\x04",
            Self::Mysql => said == b"\x01\0\0\0\x01",
            Self::Redis => false,
        }
    }

    /// An error that ends the connection, in answer to what the client said.
    fn refusal(self, said: &[u8]) -> Vec<u8> {
        match self {
            Self::Postgres => {
                let fields = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0";
                let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
                [&b"E"[..], &length.to_be_bytes(), fields].concat()
            }
            Self::Mysql => {
                let message = b"\xff\x10\x04#08004Too many connections";
                let length = u32::try_from(message.len())
                    .unwrap_or(u32::MAX)
                    .to_le_bytes();
                // A greeting is 0; an answer is one more than what it answers.
                let sequence = said.get(3).map_or(0, |sequence| sequence.wrapping_add(1));
                [&length[..3], &[sequence], message].concat()
            }
            Self::Redis => b"-ERR max number of clients reached\r\n".to_vec(),
        }
    }
}

/// Begins to pass on what is said to the server at `port` of this machine.
pub fn serve(bound: Bound, protocol: Protocol, port: u16, passage: Passage) -> Proxy {
    bound.serve(move |client| {
        let passage = passage.clone();
        async move {
            // A connection that breaks is what it is here for.
            let _ = relay(client, protocol, port, &passage).await;
        }
    })
}

enum Turn {
    /// The server hears of it.
    PassOn,
    /// The server hears of it, and its answer goes nowhere; then this function's process ends.
    Swallow(Option<u64>),
    /// The server does not hear of it: the connection ends.
    Break,
}

async fn relay(
    mut client: TcpStream,
    protocol: Protocol,
    port: u16,
    passage: &Passage,
) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut said, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    // A turn has begun and the server has not answered yet.
    let mut under_way = false;
    let mut turn = 0;
    loop {
        tokio::select! {
            count = client.read(&mut said) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                let said = &said[..count];
                if !under_way && !protocol.is_goodbye(said) {
                    under_way = true;
                    turn += 1;
                    match begin(said, protocol, turn, passage, &mut client).await? {
                        Turn::PassOn => {}
                        Turn::Swallow(victim) => {
                            server.write_all(said).await?;
                            // Not the client any more: its end must not keep the turn from its effect.
                            let _ = server.read(&mut answered).await?;
                            passage.look().await;
                            passage.kill(victim);
                            return Ok(());
                        }
                        Turn::Break => return Ok(()),
                    }
                }
                server.write_all(said).await?;
            }
            count = server.read(&mut answered) => {
                let count = count?;
                passage.look().await;
                if count == 0 {
                    return Ok(());
                }
                client.write_all(&answered[..count]).await?;
                under_way = false;
            }
        }
    }
}

async fn begin(
    said: &[u8],
    protocol: Protocol,
    turn: u32,
    passage: &Passage,
    client: &mut TcpStream,
) -> io::Result<Turn> {
    // Numbered by connection and turn: what is said is encrypted or secret.
    let name = format!("{protocol:?}").to_lowercase();
    let what = format!("{TURN}{name} turn {turn}");
    let (id, kind) = passage.pass(None, &what);
    let Some(kind) = kind else {
        return Ok(Turn::PassOn);
    };
    match kind {
        Kind::RequestLost => Ok(Turn::Break),
        Kind::AnswerLost => Ok(Turn::Swallow(None)),
        Kind::Garbage => {
            client.write_all(&[0x7f; 64]).await?;
            Ok(Turn::Break)
        }
        Kind::DiesBefore => {
            passage.kill(id);
            Ok(Turn::Break)
        }
        Kind::DiesDuring => {
            passage.kill(id);
            Ok(Turn::Swallow(None))
        }
        Kind::DiesAfter => Ok(Turn::Swallow(id)),
        Kind::Throttled
        | Kind::ThrottledRetryAfter
        | Kind::PoolEmpty
        | Kind::ServerError
        | Kind::ServerErrorAfterEffect
        | Kind::Unavailable
        | Kind::LostWay => {
            client.write_all(&protocol.refusal(said)).await?;
            Ok(Turn::Break)
        }
    }
}
