//! Why no answer came.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::addresses::PrivateAddress;
use crate::deadline::Passing;

/// Why no answer came. The request may have taken effect all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Nothing came before the time-out.
    #[error("no answer in time")]
    Timeout,
    /// No connection could be opened.
    #[error("no connection (address, network, firewall or certificate)")]
    Connection,
    /// The connection ended too early.
    #[error("the connection broke before the whole answer had come")]
    Broken,
    /// The other side does not speak the protocol that is expected, or no version of TLS in common.
    #[error(
        "it does not speak the protocol that is expected, or no TLS 1.2 or 1.3; correct host and port"
    )]
    Protocol,
    /// The chain ends at a certificate authority that is not known.
    #[error(
        "its certificate is issued by an authority that is neither in Mozilla's list nor in CA_BUNDLE_FILE; put the authority's root certificate in that file, or have the certificate issued by a public authority"
    )]
    UnknownIssuer,
    /// The certificate is for other names.
    #[error(
        "its certificate is not for this host name; use a name that the certificate lists, or have one issued for this name"
    )]
    OtherName,
    /// The certificate's time is over, or has not come.
    #[error("its certificate is expired or not yet valid; renew it")]
    OutOfDate,
    /// The certificate is not usable for another reason.
    #[error("its certificate is not usable for a TLS server; have another one issued")]
    Certificate,
    /// The server does not speak TLS, and plain text is for loopback only.
    #[error("it offers no TLS; switch TLS on there")]
    NoTls,
    /// The address is one for plain text.
    #[error(
        "its address is for plain text, in which nothing is sent; give it one that begins with https://"
    )]
    PlainText,
    /// The service has a private address, and only public ones are allowed.
    #[error(
        "its address is a private one; if the service is in the functions' own network, set ALLOW_PRIVATE_ADDRESSES to true"
    )]
    Private,
    /// A value cannot be sent: a token with a line end, for one.
    #[error(
        "the request cannot be made: a secret's value in it is not allowed in a header or URL (a line end?)"
    )]
    Request,
    /// The answer is larger than any that is expected.
    #[error("its answer is larger than 1 MiB")]
    TooLarge,
}

impl Passing for Unreachable {
    fn is_passing(&self) -> bool {
        match self {
            Self::Timeout | Self::Connection | Self::Broken => true,
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

/// An error of one type among an error and its causes.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
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
            private
                .or_else(|| Self::by_certificate(error))
                .unwrap_or(Self::Connection)
        } else if error.is_builder() {
            Self::Request
        } else {
            Self::Broken
        }
    }
}
