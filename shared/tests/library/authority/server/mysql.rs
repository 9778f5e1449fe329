//! [MySQL's protocol](https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html), as far
//! as a greedy server needs it.

use std::io;

use super::{Line, NONCE};

/// `CLIENT_SSL`.
const TLS: u32 = 0x800;

/// `LONG_PASSWORD`, `CONNECT_WITH_DB`, `LOCAL_FILES`, `PROTOCOL_41`, `TRANSACTIONS`, `SECURE_CONNECTION`,
/// `PLUGIN_AUTH`.
const CAPABILITIES: u32 = 0x1 | 0x8 | 0x80 | 0x200 | 0x2000 | 0x8000 | 0x8_0000;

/// Asks for a login by another plugin, or with the switch that names none.
pub(super) async fn switch(line: Line, plugin: Option<&str>) -> io::Result<()> {
    let (mut line, sequence) = greeted(line).await?;
    let request = match plugin {
        Some(plugin) => [b"\xfe", plugin.as_bytes(), b"\0", &NONCE, b"\0"].concat(),
        None => b"\xfe".to_vec(),
    };
    say(&mut line, sequence, &request).await?;
    let (sequence, _) = packet(&mut line).await?;
    let granted = say(&mut line, sequence, OK).await;
    granted?;
    line.some().await?;
    Ok(())
}

/// Lets everybody in, and asks for a file at the first statement.
pub(super) async fn file(line: Line) -> io::Result<()> {
    let (mut line, sequence) = greeted(line).await?;
    say(&mut line, sequence, OK).await?;
    let (sequence, _) = packet(&mut line).await?;
    say(&mut line, sequence, b"\xfb/proc/self/environ").await?;
    line.read_to_the_end().await
}

/// Refuses the login.
pub(super) async fn refuse(line: Line, code: u16) -> io::Result<()> {
    let (mut line, sequence) = greeted(line).await?;
    let error = [b"\xff", &code.to_le_bytes()[..], b"#28000It is so."].concat();
    say(&mut line, sequence, &error).await
}

/// Asks for a login by a plugin of `MariaDB`'s.
pub(super) async fn parsec(line: Line) -> io::Result<()> {
    let (mut line, sequence) = greeted(line).await?;
    let switch = [b"\xfeparsec\0", &[7; 32][..]].concat();
    say(&mut line, sequence, &switch).await?;
    let (sequence, _) = packet(&mut line).await?;
    let more = [b"\x01P\0", &[7; 18][..]].concat();
    say(&mut line, sequence, &more).await?;
    packet(&mut line).await.map(drop)
}

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

async fn greeted(mut line: Line) -> io::Result<(Line, u8)> {
    let capabilities = CAPABILITIES | if line.tls.is_some() { TLS } else { 0 };
    let [a, b, c, d] = capabilities.to_le_bytes();
    let greeting = [
        &b"\x0a8.0.36\0\x01\0\0\0"[..],
        &NONCE[..8],
        &[0, a, b, 45, 2, 0, c, d, 21],
        &[0; 10],
        &NONCE[8..],
        b"\0mysql_native_password\0",
    ];
    say(&mut line, 0, &greeting.concat()).await?;
    let (mut sequence, _) = packet(&mut line).await?;
    if line.tls.is_some() {
        line = line.encrypted().await?;
        (sequence, _) = packet(&mut line).await?;
    }
    Ok((line, sequence))
}

/// A packet's number, the answer's, and what is in it.
async fn packet(line: &mut Line) -> io::Result<(u8, Vec<u8>)> {
    let header = line.exactly(4).await?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let body = line.exactly(length as usize).await?;
    Ok((header[3].wrapping_add(1), body))
}

async fn say(line: &mut Line, sequence: u8, body: &[u8]) -> io::Result<()> {
    let [a, b, c, _] = u32::try_from(body.len()).unwrap().to_le_bytes();
    line.say(&[&[a, b, c, sequence], body].concat()).await
}
