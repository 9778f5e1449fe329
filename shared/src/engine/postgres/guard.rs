//! Reads along what a server says until it has let somebody in, and cuts the connection where it asks
//! for a password in a way in which it is not told.
//!
//! A server decides how it is logged in to. The driver answers whatever it is asked for, a password in
//! clear or as its MD5 hash included. With
//! [SCRAM](https://www.postgresql.org/docs/current/sasl-authentication.html) alone the server learns
//! nothing that it did not know.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// How somebody may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Methods {
    /// By SCRAM alone.
    Scram,
    /// By whatever the driver knows.
    Known,
}

/// What a server asks for, and does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the server asks for the password in clear")]
    Clear,
    #[error("the server asks for the password as an MD5 hash")]
    Md5,
    #[error("the server lets anybody in without a password (trust, peer or cert in pg_hba.conf)")]
    Nothing,
    #[error("the server asks for a login by GSSAPI, SSPI or Kerberos, which is not supported")]
    Unknown,
}

/// [A message](https://www.postgresql.org/docs/current/protocol-message-formats.html) begins with its
/// kind and the length of what follows that; a request for a login (`R`) goes on with a code.
const HEADER: usize = 9;
const HEADER_WITHOUT_CODE: usize = 5;

/// Whether the server has said that the password is right, whatever it said after that.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof(Arc<AtomicBool>);

impl Proof {
    pub(super) fn is_accepted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What has been read along.
#[derive(Debug)]
enum State {
    /// So much of a message's beginning.
    Header([u8; HEADER], usize),
    /// So many bytes of a message are still to come.
    Rest(usize),
    /// Somebody is let in: whatever follows is the driver's.
    Over,
}

#[derive(Debug)]
struct Watch {
    methods: Methods,
    state: State,
    /// A password was asked for: with SCRAM, up to its end.
    is_asked: bool,
    proof: Proof,
}

impl Watch {
    fn see(&mut self, mut bytes: &[u8]) -> Result<(), Refused> {
        while let Some((&byte, after)) = bytes.split_first() {
            match &mut self.state {
                State::Over => return Ok(()),
                State::Rest(left) => {
                    let here = (*left).min(bytes.len());
                    *left -= here;
                    bytes = &bytes[here..];
                    if *left == 0 {
                        self.state = State::Header([0; HEADER], 0);
                    }
                }
                State::Header(header, filled) => {
                    header[*filled] = byte;
                    *filled += 1;
                    bytes = after;
                    let (header, filled) = (*header, *filled);
                    self.state = self.after(header, filled)?;
                }
            }
        }
        Ok(())
    }

    fn after(&mut self, header: [u8; HEADER], filled: usize) -> Result<State, Refused> {
        let [kind, first, second, third, fourth, code @ ..] = header;
        let is_login = kind == b'R';
        let length = if is_login {
            HEADER
        } else {
            HEADER_WITHOUT_CODE
        };
        if filled < length {
            return Ok(State::Header(header, filled));
        }
        if is_login {
            let code = u32::from_be_bytes(code);
            self.judge(code)?;
            if code == 0 {
                return Ok(State::Over);
            }
        }
        // A length counts itself, and not the kind.
        let rest = u32::from_be_bytes([first, second, third, fourth]) as usize + 1;
        Ok(match rest.saturating_sub(length) {
            0 => State::Header([0; HEADER], 0),
            rest => State::Rest(rest),
        })
    }

    fn judge(&mut self, code: u32) -> Result<(), Refused> {
        match (code, self.methods) {
            (3, Methods::Scram) => Err(Refused::Clear),
            (5, Methods::Scram) => Err(Refused::Md5),
            (3 | 5, _) => {
                self.is_asked = true;
                Ok(())
            }
            // The end of SCRAM, which a server reaches with the right password alone.
            (12, _) => {
                self.is_asked = true;
                self.proof.0.store(true, Ordering::Release);
                Ok(())
            }
            // Whoever is let in with any password has shown nothing.
            (0, _) if !self.is_asked => Err(Refused::Nothing),
            (0, _) => {
                self.proof.0.store(true, Ordering::Release);
                Ok(())
            }
            (10 | 11, _) => Ok(()),
            _ => Err(Refused::Unknown),
        }
    }
}

/// A connection that is read along.
pub(super) struct Guarded<S> {
    stream: S,
    watch: Watch,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, methods: Methods, proof: &Proof) -> Self {
        Self {
            stream,
            watch: Watch {
                methods,
                state: State::Header([0; HEADER], 0),
                is_asked: false,
                proof: proof.clone(),
            },
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let seen = self.watch.see(&buffer.filled()[before..]);
        Poll::Ready(seen.map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Guarded<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// A TLS connection that is read along: what is encrypted, not what encrypts it.
pub(super) struct GuardedTls<T> {
    tls: T,
    methods: Methods,
    proof: Proof,
}

impl<T> GuardedTls<T> {
    pub(super) fn new(tls: T, methods: Methods, proof: &Proof) -> Self {
        Self {
            tls,
            methods,
            proof: proof.clone(),
        }
    }
}

impl<S, T> TlsConnect<S> for GuardedTls<T>
where
    T: TlsConnect<S>,
    T::Stream: Unpin,
    T::Future: Send + 'static,
{
    type Stream = Guarded<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (connecting, methods, proof) = (self.tls.connect(stream), self.methods, self.proof);
        Box::pin(async move { Ok(Guarded::new(connecting.await?, methods, &proof)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(8 + body.len()).unwrap();
        [b"R", &length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
    }

    /// However it is cut to pieces.
    fn seen(methods: Methods, said: &[u8]) -> Result<(), Refused> {
        let by = |size: usize| {
            let mut watch = Guarded::new((), methods, &Proof::default()).watch;
            said.chunks(size).try_for_each(|bytes| watch.see(bytes))
        };
        let whole = by(said.len());
        for size in 1..said.len() {
            assert_eq!(by(size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn scram_and_an_error_are_all_that_an_administrator_is_asked() {
        let scram = [
            message(10, b"SCRAM-SHA-256\0\0"),
            message(11, b"r=1,s=2,i=4096"),
            message(12, b"v=3"),
            message(0, b""),
            b"S\0\0\0\x08a\0b\0R\0\0\0\x08\0\0\0\x03".to_vec(),
        ];
        let error = b"E\0\0\0\x0bSFATAL\0\0".to_vec();
        let notice = b"N\0\0\0\x05\0Z\0\0\0\x04".to_vec();
        for (said, strict, lax) in [
            (scram.concat(), Ok(()), Ok(())),
            (error, Ok(()), Ok(())),
            (message(3, b""), Err(Refused::Clear), Ok(())),
            (message(5, b"salt"), Err(Refused::Md5), Ok(())),
            (
                message(0, b""),
                Err(Refused::Nothing),
                Err(Refused::Nothing),
            ),
            (
                message(7, b""),
                Err(Refused::Unknown),
                Err(Refused::Unknown),
            ),
            (
                [notice, message(3, b"")].concat(),
                Err(Refused::Clear),
                Ok(()),
            ),
            (
                [message(10, b"SCRAM-SHA-256\0\0"), message(3, b"")].concat(),
                Err(Refused::Clear),
                Ok(()),
            ),
            (
                [message(10, b"x"), message(11, b"y"), message(0, b"")].concat(),
                Err(Refused::Nothing),
                Err(Refused::Nothing),
            ),
        ] {
            assert_eq!(seen(Methods::Scram, &said), strict, "{said:?}");
            assert_eq!(seen(Methods::Known, &said), lax, "{said:?}");
        }
    }
}
