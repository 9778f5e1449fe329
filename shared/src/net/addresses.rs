//! Which addresses a partner's service may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::is_loopback;

/// Which addresses a service reached over HTTP may have.
///
/// A document names its service's address, and whoever may write a document need not have a way into
/// the network that the functions stand in. Loopback that an address says plainly is always allowed:
/// there is nothing behind it but the function itself, or a test stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// The internet's.
    Public,
    /// Any: the service is in the functions' own network.
    Any,
}

impl Addresses {
    /// Whether a URL may be asked, as far as it says its address itself.
    pub(crate) fn allow(self, url: &Url) -> bool {
        self == Self::Any
            || url.host().is_none_or(|host| match host {
                Host::Domain(_) => true,
                Host::Ipv4(address) => address.is_loopback() || is_public(address.into()),
                Host::Ipv6(address) => address.is_loopback() || is_public(address.into()),
            })
    }
}

/// A name that leads to private addresses only.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a private address")]
pub(crate) struct PrivateAddress;

/// A name without an address.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub(crate) struct Unresolved;

/// Resolves names, and leaves out addresses that are not allowed: what is looked at is what is connected to.
impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = *self;
        Box::pin(async move {
            let name = name.as_str();
            let found = tokio::net::lookup_host((name, 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| Unresolved)?.collect();
            if allowed == Self::Any || is_loopback(name) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let public: Vec<_> = found
                .into_iter()
                .filter(|address| is_public(address.ip()))
                .collect();
            if public.is_empty() {
                return Err(PrivateAddress.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry/) and
/// [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry/) by the registries of special
/// addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            embedded(address).map_or_else(|| is_public_v6(address), is_public_v4)
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || a == 0
        || a >= 240
        // Shared by carriers and container networks; protocol assignments; benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Global unicast is 2000::/3; the rest is local, multicast or not assigned. In it are the protocol
    // assignments, Teredo's tunnels among them.
    a & 0xe000 == 0x2000 && !(a == 0x2001 && b < 0x0200)
}

/// The IPv4 address that an IPv6 address leads to: mapped, translated (NAT64), or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(join(high, low))
        }
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_or_it_is_not() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("100.128.0.1", true),
            ("2600:1f18::1", true),
            ("64:ff9b::808:808", true),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.31.0.1", false),
            ("192.168.1.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("2002:a00:1::", false),
            ("::169.254.169.254", false),
            ("64:ff9b:1::a9fe:a9fe", false),
            ("2001:0:4136:e378::1", false),
            ("2001:200::1", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn a_url_with_a_private_address_is_refused_unless_any_is_allowed() {
        for (url, public) in [
            ("https://api.acme.example/", true),
            ("https://203.0.114.1/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/", true),
            ("https://10.0.0.1/", false),
            ("https://0x0a000001/", false),
            ("https://[::ffff:169.254.169.254]/", false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(Addresses::Public.allow(&url), public, "{url}");
            assert!(Addresses::Any.allow(&url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_as_good_as_the_address() {
        // The resolver takes these for names of addresses.
        for (name, expected) in [
            ("8.8.8.8", Some("8.8.8.8:0")),
            ("127.1", None),
            ("10.0.0.1", None),
            ("fd00:ec2::254", None),
        ] {
            let found = Addresses::Public.resolve(name.parse().unwrap()).await;
            let found = found.map(|addresses| addresses.map(|a| a.to_string()).collect::<Vec<_>>());
            match expected {
                Some(expected) => assert_eq!(found.unwrap(), [expected]),
                None => assert!(found.unwrap_err().is::<PrivateAddress>(), "{name}"),
            }
        }
        let here = Addresses::Public
            .resolve("localhost".parse().unwrap())
            .await;
        assert!(here.unwrap().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn the_error_says_that_the_address_is_private() {
        struct Private;
        impl Resolve for Private {
            fn resolve(&self, _: Name) -> Resolving {
                Box::pin(async { Err(PrivateAddress.into()) })
            }
        }
        let client = crate::net::client(&crate::net::Roots::mozilla()).unwrap();
        let client = client.dns_resolver(std::sync::Arc::new(Private));
        let request = client.build().unwrap().get("https://api.acme.example/");
        let error = request.send().await.unwrap_err();
        let reason = crate::net::Unreachable::from(&error);
        assert_eq!(reason, crate::net::Unreachable::Private);
    }
}
