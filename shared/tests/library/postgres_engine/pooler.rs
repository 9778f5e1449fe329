//! What may stand between: it reads a login's first message, and takes it, changes it or refuses it.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a login asks for, by name: `user`, `database`, `options`.
pub(crate) type Startup = BTreeMap<String, String>;

/// What becomes of a login: it goes on to the server, or ends with these answers.
pub(crate) type Judge = fn(&mut Startup) -> Result<(), Vec<Vec<u8>>>;

pub(crate) struct Pooler {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pooler {
    /// In front of the server at this port on loopback.
    pub(crate) async fn start(server: u16, judge: Judge) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that goes away in the middle is its own business.
                tokio::spawn(async move { serve(client, server, judge).await.ok() });
            }
        });
        Self { port, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(mut client: TcpStream, server: u16, judge: Judge) -> std::io::Result<()> {
    let length = client.read_u32().await?;
    let mut message = vec![0; length as usize - 4];
    client.read_exact(&mut message).await?;
    let texts: Vec<_> = message[4..]
        .split(|byte| *byte == 0)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    let pairs = texts.chunks_exact(2).filter(|pair| !pair[0].is_empty());
    let mut startup: Startup = pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect();
    if let Err(answers) = judge(&mut startup) {
        for answer in answers {
            client.write_all(&answer).await?;
            if answer[0] == b'R' && answer[8] == 3 {
                // A password is asked for, and comes.
                client.read_u8().await?;
                let length = client.read_u32().await?;
                client.read_exact(&mut vec![0; length as usize - 4]).await?;
            }
        }
        return client.shutdown().await;
    }
    let mut body = message[..4].to_vec();
    for (name, value) in &startup {
        for text in [name, value] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
    }
    body.push(0);
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    server
        .write_u32(u32::try_from(body.len()).unwrap() + 4)
        .await?;
    server.write_all(&body).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// A refusal, as servers and poolers word it.
pub(crate) fn refusal(code: &str, message: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    for (kind, text) in [('S', "FATAL"), ('V', "FATAL"), ('C', code), ('M', message)] {
        fields.push(kind as u8);
        fields.extend_from_slice(text.as_bytes());
        fields.push(0);
    }
    fields.push(0);
    let length = u32::try_from(fields.len()).unwrap() + 4;
    [b"E", &length.to_be_bytes()[..], &fields].concat()
}

/// The server asks for a password (3), or says that it was the right one (0).
pub(crate) fn authentication(code: u32) -> Vec<u8> {
    [b"R", &8_u32.to_be_bytes()[..], &code.to_be_bytes()].concat()
}
