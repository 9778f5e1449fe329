//! [PostgreSQL's protocol](https://www.postgresql.org/docs/current/protocol-flow.html), as far as a greedy
//! server needs it.

use std::io;

use super::Line;

const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// Asks for a login, lets whoever answers anything in, and listens to what is said then.
pub(super) async fn serve(mut line: Line, code: u32, body: &[u8]) -> io::Result<()> {
    let mut startup = packet(&mut line).await?;
    if startup == SSL_REQUEST {
        if line.tls.is_some() {
            line.say(b"S").await?;
            line = line.encrypted().await?;
        } else {
            line.say(b"N").await?;
        }
        startup = packet(&mut line).await?;
    }
    drop(startup);
    line.say(&authentication(code, body)).await?;
    if code != 0 {
        line.some().await?;
        line.say(&authentication(0, b"")).await?;
    }
    line.say(b"Z\0\0\0\x05I").await?;
    line.some().await?;
    Ok(())
}

async fn packet(line: &mut Line) -> io::Result<Vec<u8>> {
    let length = line.exactly(4).await?;
    let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
    line.exactly(length.saturating_sub(4)).await
}

fn authentication(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + body.len()).unwrap();
    [b"R", &length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}
