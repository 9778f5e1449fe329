//! Why no answer came, in words that hold nothing secret.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::CertificateError;

use super::addresses::{PrivateAddress, Unresolved};
use crate::deadline::Transient;

/// Why nobody answered, as far as it can be told from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No address is known for the host's name.
    #[error("the host name does not resolve (DNS)")]
    Name,
    /// Nothing listens at the port, or something in between says so.
    #[error("the connection was refused")]
    Refused,
    /// The time is over.
    #[error("no answer in time")]
    Timeout,
    /// No connection could be opened, for another reason.
    #[error("no connection could be opened")]
    Connection,
    /// The connection ended too early.
    #[error("the connection was closed before the whole answer had arrived")]
    Broken,
    /// The other side does not speak the protocol that is expected, or no version of TLS in common.
    #[error("the server does not speak the expected protocol, or neither TLS 1.2 nor 1.3")]
    Protocol,
    /// The chain ends at a certificate authority that is not known.
    #[error(
        "the certificate's authority is neither in Mozilla's list nor in the stack's CaBundleLayer"
    )]
    UnknownIssuer,
    /// The certificate is for other names.
    #[error("the certificate is for another host name")]
    OtherName,
    /// The certificate's time is over, or has not come.
    #[error("the certificate is expired or not yet valid")]
    OutOfDate,
    /// The certificate is not usable for another reason.
    #[error("the certificate is not valid for a TLS server")]
    Certificate,
    /// The server does not speak TLS, and plain text is for loopback only.
    #[error("the server offers no TLS")]
    NoTls,
    /// The address is one for plain text.
    #[error("the address is for plain text, over which nothing is sent")]
    PlainText,
    /// The service has a private address, and only public ones are allowed.
    #[error("the address is a private one")]
    Private,
    /// A value cannot be sent: a token with a line end, for one.
    #[error("a secret's value is not allowed in a header or URL")]
    Request,
    /// The answer is larger than any that is expected.
    #[error("the answer is larger than 1 MiB")]
    TooLarge,
}

impl Unreachable {
    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Name => {
                "Correct the host name, or let the functions' network resolve it (VPC, private DNS)"
            }
            Self::Refused => "Check that the server runs, and that the port is the right one",
            Self::Timeout | Self::Connection => {
                "Check that the server runs, and that routes, security groups and firewalls let the functions reach it"
            }
            Self::Broken => {
                "Check the server's log, and what stands in between (proxy, load balancer)"
            }
            Self::Protocol => "Correct host and port",
            Self::UnknownIssuer => {
                "Put the authority's root certificate into the layer of the stack's parameter CaBundleLayer, or use a certificate of a public authority"
            }
            Self::OtherName => {
                "Use a host name that the certificate lists, or issue a certificate for this one"
            }
            Self::OutOfDate => "Renew the certificate",
            Self::Certificate => "Issue another certificate, for TLS servers",
            Self::NoTls => "Switch TLS on at the server",
            Self::PlainText => "Use an address that begins with https://",
            Self::Private => {
                "If the service is in the functions' own network, set the stack's parameter AllowPrivateAddresses to true"
            }
            Self::Request => "Store the value again, without a line end or blank",
            Self::TooLarge => "Check what answers at this address",
        }
    }
}

impl Transient for Unreachable {
    fn is_transient(&self) -> bool {
        match self {
            Self::Name | Self::Refused | Self::Timeout | Self::Connection | Self::Broken => true,
            Self::Protocol
            | Self::UnknownIssuer
            | Self::OtherName
            | Self::OutOfDate
            | Self::Certificate
            | Self::NoTls
            | Self::PlainText
            | Self::Private
            | Self::Request
            | Self::TooLarge => false,
        }
    }
}

impl Unreachable {
    /// Why there is no connection, or none any more, if that is what an I/O error is about.
    pub(crate) fn by_connection(kind: ErrorKind) -> Option<Self> {
        match kind {
            ErrorKind::ConnectionRefused => Some(Self::Refused),
            ErrorKind::TimedOut => Some(Self::Timeout),
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Some(Self::Broken),
            // What TLS or a driver finds wrong.
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => None,
            _ => Some(Self::Connection),
        }
    }

    /// What is wrong with the server's certificate, if that is what an error is about.
    pub(crate) fn by_certificate(error: &(dyn Error + 'static)) -> Option<Self> {
        match cause(error)? {
            rustls::Error::InvalidCertificate(problem) => Some(match problem {
                // Another authority of the same name shows as a bad signature.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    Self::UnknownIssuer
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::OutOfDate,
                _ => Self::Certificate,
            }),
            _ => None,
        }
    }
}

impl Unreachable {
    /// Why a request was not answered, among the causes of what its sender says.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        cause::<reqwest::Error>(error).map(Self::from)
    }
}

/// An error of one type among an error and its causes.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    find(error, Some)
}

/// What the first error of one type says that says something, among an error and its causes.
fn find<'a, E: Error + 'static, T>(
    error: &'a (dyn Error + 'static),
    says: impl Fn(&'a E) -> Option<T>,
) -> Option<T> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref().and_then(&says) {
            return Some(found);
        }
        // An I/O error names what it wraps not as its source.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|wrapped| wrapped as &(dyn Error + 'static));
        next = wrapped.or_else(|| error.source());
    }
    None
}

impl From<&reqwest::Error> for Unreachable {
    fn from(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            let private = cause::<PrivateAddress>(error).map(|_| Self::Private);
            let unresolved = || cause::<Unresolved>(error).map(|_| Self::Name);
            let connection = || find(error, |it: &io::Error| Self::by_connection(it.kind()));
            private
                .or_else(unresolved)
                .or_else(|| Self::by_certificate(error))
                .or_else(connection)
                .unwrap_or(Self::Connection)
        } else if error.is_builder() {
            Self::Request
        } else {
            Self::Broken
        }
    }
}
