//! A server that an adversary has: it asks for a password in one way or another, and remembers every byte.

mod mysql;
mod postgres;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use database_servers::certificates::ServerCertificate;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// The nonces and salts of all of them, as no adversary cares for others.
pub(super) const NONCE: [u8; 20] = *b"hostile-nonce-of-20b";
pub(super) const SALT: [u8; 4] = *b"salt";

/// What a server does with whoever connects.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// PostgreSQL: this request for a login, its code and body.
    Postgres(u32, &'static [u8]),
    /// MySQL: a switch to this plugin.
    MysqlSwitch(&'static str),
    /// MySQL: the switch of servers before 4.1, which names no plugin.
    MysqlOldSwitch,
    /// MySQL: lets everybody in and asks for a file of the client's.
    MysqlFile,
    /// MySQL: refuses the first login with the one code, and all others with the other.
    MysqlRefuse([u16; 2]),
    /// MySQL: a login by `MariaDB`'s `parsec`.
    MysqlParsec,
    /// Redis: says one of these after the other, and the last to everything that follows; none closes the connection.
    Redis(Vec<Option<String>>),
    /// HTTP: accepts with this status, and says where to go.
    Http(u16, String),
}

impl Ask {
    /// Redis: says this to everything.
    pub(crate) fn redis(answer: &str) -> Self {
        Self::Redis(vec![Some(answer.to_owned())])
    }

    fn is_encrypted_at_once(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::Http(..))
    }
}

#[derive(Default)]
struct Heard {
    connections: usize,
    bytes: Vec<u8>,
}

pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    _serving: AbortOnDropHandle<()>,
}

impl Hostile {
    /// One on a port of its own at this address, with TLS if it has a certificate.
    pub(crate) async fn start(ip: &str, ask: Ask, certificate: Option<&ServerCertificate>) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let tls = certificate.map(acceptor);
        let serving = tokio::spawn({
            let heard = Arc::clone(&heard);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let number = {
                        let mut heard = heard.lock().unwrap();
                        heard.connections += 1;
                        heard.connections
                    };
                    let line = Line {
                        stream: Box::new(stream),
                        heard: Arc::clone(&heard),
                        tls: tls.clone(),
                    };
                    // That a client hangs up is its right.
                    tokio::spawn(serve(line, ask.clone(), number));
                }
            }
        });
        Self {
            address,
            heard,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.heard.lock().unwrap().connections
    }

    /// As [`Self::bytes`], which it forgets.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.heard.lock().unwrap().bytes)
    }

    /// Everything that it was given, on all connections.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.heard.lock().unwrap().bytes.clone()
    }
}

async fn serve(mut line: Line, ask: Ask, number: usize) -> io::Result<()> {
    if ask.is_encrypted_at_once() {
        line = line.encrypted().await?;
    }
    match ask {
        Ask::Postgres(code, body) => postgres::serve(line, code, body).await,
        Ask::MysqlSwitch(plugin) => mysql::switch(line, Some(plugin)).await,
        Ask::MysqlOldSwitch => mysql::switch(line, None).await,
        Ask::MysqlFile => mysql::file(line).await,
        Ask::MysqlRefuse(codes) => mysql::refuse(line, codes[usize::from(number > 1)]).await,
        Ask::MysqlParsec => mysql::parsec(line).await,
        Ask::Redis(answers) => {
            for number in 0.. {
                line.some().await?;
                let Some(answer) = answers.get(number).or(answers.last()).unwrap() else {
                    break;
                };
                line.say(answer.as_bytes()).await?;
            }
            Ok(())
        }
        Ask::Http(status, location) => {
            let answer = format!(
                "HTTP/1.1 {status} So\r\nLocation: {location}\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{{\"accepted\":true}}"
            );
            line.some().await?;
            line.say(answer.as_bytes()).await?;
            line.stream.shutdown().await?;
            line.read_to_the_end().await
        }
    }
}

fn acceptor(certificate: &ServerCertificate) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(certificate.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl Stream for TcpStream {}
impl<S: Stream> Stream for tokio_rustls::server::TlsStream<S> {}
impl Stream for Box<dyn Stream> {}

/// One connection.
struct Line {
    stream: Box<dyn Stream>,
    heard: Arc<Mutex<Heard>>,
    tls: Option<TlsAcceptor>,
}

impl Line {
    /// From here on in TLS, if the server has it.
    async fn encrypted(self) -> io::Result<Self> {
        let Self { stream, heard, tls } = self;
        let stream = match &tls {
            Some(acceptor) => Box::new(acceptor.accept(stream).await?),
            None => stream,
        };
        Ok(Self { stream, heard, tls })
    }

    async fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).await?;
        self.heard.lock().unwrap().bytes.extend_from_slice(&bytes);
        Ok(bytes)
    }

    /// Whatever comes next.
    async fn some(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 64 * 1024];
        let count = self.stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(count);
        self.heard.lock().unwrap().bytes.extend_from_slice(&bytes);
        Ok(bytes)
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn read_to_the_end(&mut self) -> io::Result<()> {
        loop {
            self.some().await?;
        }
    }
}
