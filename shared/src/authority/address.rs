//! Addresses of services, so written that two are the same exactly if they lead to the same place.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use serde_json::Value;
use url::{Host, Url};

use crate::fields::Fields;

/// An address that a document names.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Where in the document.
    pub(crate) path: String,
    at: At,
}

/// By where they lead to.
impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

#[derive(Debug, Clone, PartialEq)]
enum At {
    Server {
        host: String,
        port: u16,
        /// What an administrator's secret means that says no port. It stands for the protocol as well.
        default: u16,
    },
    Url(String),
}

impl Place {
    /// A server, by the path in the document of what has its `host` and `port`, and the port that its kind has
    /// by default.
    pub(crate) fn server(path: &str, host: &str, port: u16, default: u16) -> Self {
        Self {
            path: format!("{path}host"),
            at: At::Server {
                host: normal_host(host),
                port,
                default,
            },
        }
    }

    /// A service reached over HTTP.
    pub(crate) fn url(url: &Url) -> Self {
        Self {
            path: "url".to_owned(),
            at: At::Url(normal_url(url)),
        }
    }
}

impl Place {
    /// What an administrator's secret that is for this place has, in jq's words.
    pub(crate) fn example(&self) -> &'static str {
        match self.at {
            At::Server { .. } => r#"{host: "<the server>", port: <its port>}"#,
            At::Url(_) => r#"{url: "<the service>"}"#,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Server { host, port, .. } => server(f, host, Some(*port)),
            At::Url(url) => f.write_str(url),
        }
    }
}

/// What an administrator's secret says that its login is for.
#[derive(Debug, Default)]
pub(crate) struct Served {
    servers: Vec<(String, Option<u16>)>,
    urls: Vec<String>,
    /// The protocol, by its default port: a password that one server is told in a proof, another is told in clear.
    protocol: Option<u16>,
}

/// What `engine` may be in an administrator's secret, as [AWS's own](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html)
/// have it, and the default port.
const ENGINES: [(&str, u16); 7] = [
    ("aurora-mysql", 3306),
    ("aurora-postgresql", 5432),
    ("mariadb", 3306),
    ("mysql", 3306),
    ("postgres", 5432),
    ("redis", 6379),
    ("valkey", 6379),
];

impl Served {
    /// Reads `host` and `port`, `hosts`, `url` and `urls`; what is wrong with them.
    pub(crate) fn read(fields: &Fields) -> Result<Self, &'static str> {
        const HOSTS: &str = "hosts must be a list of strings such as db7.acme.example:5432";
        const URLS: &str = "urls must be a list of URLs such as https://api7.acme.example";
        const PORT: &str = "port must be a whole number from 1 to 65535";
        let map = fields.map();
        let known = |name| map.get(name).filter(|value: &&Value| !value.is_null());
        let mut served = Self::default();
        let port = known("port")
            .map(|port| match port {
                // AWS's own secrets have either.
                Value::String(text) => text.parse().ok(),
                other => other.as_u64().and_then(|port| u16::try_from(port).ok()),
            })
            .map(|port| port.filter(|port| *port != 0).ok_or(PORT))
            .transpose()?;
        if let Some(engine) = known("engine").filter(|it| *it != "http") {
            let known = ENGINES.iter().find(|(name, _)| engine == name);
            let (_, port) = known.ok_or("engine must be one of aurora-mysql, aurora-postgresql, mariadb, mysql, postgres, redis, valkey, http")?;
            served.protocol = Some(*port);
        }
        if let Some(host) = known("host") {
            let host = host.as_str().filter(|host| !host.is_empty());
            let host = host.ok_or("host must be a host name or address")?;
            served.servers.push((normal_host(host), port));
        }
        if let Some(hosts) = known("hosts") {
            for host in hosts.as_array().ok_or(HOSTS)? {
                let host = host.as_str().and_then(host_and_port).ok_or(HOSTS)?;
                served.servers.push(host);
            }
        }
        if let Some(url) = known("url") {
            let url = url.as_str().and_then(|url| Url::parse(url).ok());
            served
                .urls
                .push(normal_url(&url.ok_or("url must be a URL")?));
        }
        if let Some(urls) = known("urls") {
            for url in urls.as_array().ok_or(URLS)? {
                let url = url.as_str().and_then(|url| Url::parse(url).ok());
                served.urls.push(normal_url(&url.ok_or(URLS)?));
            }
        }
        if served.protocol.is_none() && served.servers.iter().any(|(_, port)| port.is_none()) {
            return Err("it says neither engine nor port of a server");
        }
        // An empty list says that it is for none.
        if !["host", "hosts", "url", "urls"]
            .iter()
            .any(|name| known(name).is_some())
        {
            return Err("it does not say for which address its login is");
        }
        Ok(served)
    }

    pub(crate) fn has(&self, place: &Place) -> bool {
        match &place.at {
            At::Server {
                host,
                port,
                default,
            } => {
                self.protocol.is_none_or(|own| own == *default)
                    && self
                        .servers
                        .iter()
                        .any(|(name, own)| name == host && own.unwrap_or(*default) == *port)
            }
            At::Url(url) => self.urls.contains(url),
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.servers.is_empty() && self.urls.is_empty() {
            return f.write_str("no address");
        }
        let mut separator = "";
        for (host, port) in &self.servers {
            f.write_str(separator)?;
            server(f, host, *port)?;
            separator = ", ";
        }
        for url in &self.urls {
            write!(f, "{separator}{url}")?;
            separator = ", ";
        }
        Ok(())
    }
}

fn server(f: &mut fmt::Formatter<'_>, host: &str, port: Option<u16>) -> fmt::Result {
    match (host.contains(':'), port) {
        (true, Some(port)) => write!(f, "[{host}]:{port}"),
        (false, Some(port)) => write!(f, "{host}:{port}"),
        (_, None) => f.write_str(host),
    }
}

/// `host`, `host:port`, `[address]:port`, or an IPv6 address alone.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    };
    let port = port
        .map(|port| port.parse().ok().filter(|port| *port != 0).ok_or(()))
        .transpose()
        .ok()?;
    (!host.is_empty()).then(|| (normal_host(host), port))
}

/// A name in lower case without the dot of the root, an address in its shortest form and without brackets.
fn normal_host(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
        return address.to_canonical().to_string();
    }
    // Not by Unicode: a resolver keeps apart what that takes for one letter.
    let name = host.to_ascii_lowercase();
    name.strip_suffix('.').unwrap_or(&name).to_owned()
}

/// Scheme, host, port and path: what a request's own path is put behind.
fn normal_url(url: &Url) -> String {
    let host = match url.host() {
        Some(Host::Domain(name)) => normal_host(name),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => match IpAddr::V6(address).to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        },
        None => String::new(),
    };
    let port = url.port_or_known_default().unwrap_or_default();
    let path = normal_path(url.path());
    format!(
        "{}://{host}:{port}{}",
        url.scheme(),
        path.strip_suffix('/').unwrap_or(&path)
    )
}

/// With what may stand as it is not percent-encoded, and all else in capitals
/// ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2)).
fn normal_path(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let is_hex = |code: &&str| code.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = after.get(..2).filter(is_hex);
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(byte.into());
                rest = &after[2..];
            }
            Some(byte) => {
                // Writing to a String cannot fail.
                let _ = write!(normal, "%{byte:02X}");
                rest = &after[2..];
            }
            None => {
                normal.push('%');
                rest = after;
            }
        }
    }
    normal.push_str(rest);
    normal
}
