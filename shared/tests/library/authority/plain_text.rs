//! Nothing is said in plain text, unless a test stand's own variable allows it, and on loopback alone.

use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient as _};
use addon_rotation::document::Fields;
use serde_json::json;

use super::server::{Ask, Hostile};
use super::traces;
use crate::support::{HERE, document, document_at, random, services, strict, within};

fn asks(engine: &str) -> Ask {
    match engine {
        "http" => Ask::Http(200, String::new()),
        "redis" => Ask::redis("+OK\r\n"),
        "mysql" => Ask::MysqlSwitch("mysql_native_password"),
        _ => Ask::Postgres(3, b""),
    }
}

#[tokio::test]
async fn loopback_is_no_exception_without_the_variable() {
    let (strict, lax) = (strict(), services());
    for engine in ["http", "mysql", "postgres", "redis"] {
        for (host, services, speaks) in [
            ("127.0.0.1", &strict, false),
            ("localhost", &strict, false),
            // It leads to this machine, and is none of its loopback addresses.
            (HERE, &lax, false),
            ("127.0.0.1", &lax, true),
        ] {
            let case = format!("{engine} at {host}");
            let server = Hostile::start("127.0.0.1", asks(engine), None).await;
            let (administrator, customer) = (random(), random());
            let url = format!("http://{host}:{}/", server.port());
            let mut value = document_at(engine, host, server.port());
            value["username"] = "u_new".into();
            value["url"] = url.as_str().into();
            for field in ["password", "api_key"] {
                value[field] = customer.as_str().into();
            }
            let fields = json!({
                "username": "operator", "password": administrator, "token": administrator,
                "host": host, "port": server.port(), "url": url,
            });
            let administrators = Fields::parse(&fields.to_string()).unwrap();
            if engine == "http" && host == HERE {
                // Such a document is refused as it is read.
                continue;
            }
            let document = document(&value);
            let time = if speaks {
                Duration::from_millis(100)
            } else {
                Duration::from_secs(10)
            };
            let deadline = || Deadline::after(time);
            let issued = services.issue(&document, &administrators, deadline());
            let issued = within(issued).await.err();
            let verified = within(services.verify(&document, deadline())).await.err();
            if speaks {
                let bytes = server.bytes();
                assert!(
                    traces::holds(&bytes, b"u_new") || traces::holds(&bytes, customer.as_bytes()),
                    "{case}"
                );
                continue;
            }
            for error in [issued.unwrap(), verified.unwrap()] {
                assert!(!error.is_transient(), "{case}: {error}");
                let text = error.to_string();
                assert!(
                    text.contains("TLS") || text.contains("https://"),
                    "{case}: {text}"
                );
            }
            let bytes = server.bytes();
            traces::assert_none(&case, &bytes, "operator", &administrator);
            traces::assert_none(&case, &bytes, "u_new", &customer);
            for proof in [&administrator, &customer]
                .map(|it| traces::mysql_proofs(it))
                .as_flattened()
            {
                assert!(!traces::holds(&bytes, proof), "{case}");
            }
            assert!(
                !traces::holds(&bytes, b"u_new") && !traces::holds(&bytes, b"operator"),
                "{case}"
            );
        }
    }
}
