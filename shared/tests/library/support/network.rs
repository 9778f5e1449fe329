//! Services at an address of a test's own, and whom they are trusted by.

use addon_rotation::net::{self, PlainText, Roots};
use addon_rotation::service::Services;
use database_servers::certificates::Authority;
use serde_json::{Value, json};

/// An address that leads to this machine and yet is none of its loopback addresses, so that no plain text is sent
/// there.
pub(crate) const HERE: &str = "0.0.0.0";

/// What the deployed functions reach services through.
pub(crate) fn strict() -> Services {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Services::new(net::http_client().unwrap())
}

/// The same with plain text on loopback.
pub(crate) fn services() -> Services {
    strict().speaking(PlainText::OnLoopback)
}

/// The same with this authority in the bundle.
pub(crate) fn trusting(services: &Services, authority: &Authority) -> Services {
    let bundle = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bundle.path(), authority.pem()).unwrap();
    let roots = Roots::with_bundle(bundle.path()).unwrap();
    services.clone().trusting(Some(roots)).unwrap()
}

/// A document whose service is at this address, for whichever engine.
pub(crate) fn document_at(engine: &str, host: &str, port: u16) -> Value {
    let config = if engine == "http" {
        "{{ api_key }}"
    } else {
        "{{ username }}:{{ password }}"
    };
    json!({
        "engine": engine,
        "url": format!("https://{host}:{port}/"), "credential_id": "key-1", "api_key": "hunter2-hunter2",
        "authorization": "Bearer {{ api_key }}", "generate": { "api_key": { "length": 40 } },
        "host": host, "port": port, "dbname": "shop",
        "username": "customer", "password": "hunter2-hunter2",
        "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:acme/masters/api-AbCdEf",
        "heroku": { "api": "v1", "addon_id": "acme-1", "config": { "ACME_URL": config } },
    })
}
