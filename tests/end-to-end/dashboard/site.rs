//! The page's server, as the partner runs it, and the form by which Heroku signs a customer in.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use libtest_mimic::Failed;
use local_cloud::cloud::{Cloud, STACK};
use nix::sys::signal::Signal;
use reqwest::redirect::Policy;
use reqwest::{Client, header};
use ring::digest::{SHA256, digest};
use stand_in::patience::PATIENCE;
use tempfile::TempDir;
use tools::process::{self, Process};

use super::{FOLDER, policy};
use crate::support::person::Person;
use crate::support::workspace;
use crate::{GRACE_PERIOD, TestResult};

const SALT: &str = "5c9ad2f1e07b4a6d";

/// The running server, with the rights that its folder names.
pub(super) struct Site {
    pub(super) url: String,
    pub(super) person: Person,
    server: Process,
    client: Client,
    _cache: TempDir,
}

impl Site {
    pub(super) async fn start(cloud: &Cloud, name: &str) -> Result<Self, Failed> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let person = Person::new(cloud, &["StartRotationPolicyArn"]).await?;
        person.may(cloud, "page", &policy()?).await?;
        let cache = tempfile::tempdir()?;
        let mut python = process::command(cloud.tools.ministack(), Signal::SIGTERM);
        person.equip(&mut python);
        python
            .arg(workspace().join(FOLDER).join("dashboard.py"))
            .env("PYTHONPYCACHEPREFIX", cache.path())
            .env("SSO_SALT", SALT)
            .env("SESSION_KEY", "k".repeat(32))
            .env("STACK_NAME", STACK)
            .env("GRACE_PERIOD_SECONDS", GRACE_PERIOD.as_secs().to_string())
            .env("PORT", "0");
        let log = cloud.logs().join(format!("dashboard-{name}.log"));
        let mut server = Process::spawn("dashboard.py", python, &log).await?;
        let mut url = None;
        server
            .wait_until(PATIENCE, async |output| {
                let lines = output.lines();
                url = lines.into_iter().find(|it| it.starts_with("http://"));
                url.is_some()
            })
            .await?;
        Ok(Self {
            url: url.ok_or("it has no address")?,
            person,
            server,
            client: Client::builder()
                .no_proxy()
                .redirect(Policy::none())
                .build()?,
            _cache: cache,
        })
    }

    pub(super) fn rotate(&self) -> String {
        format!("{}rotate", self.url)
    }

    /// Signs in without a browser; the session's cookie.
    pub(super) async fn sign_in(&self, form: &Form) -> Result<String, Failed> {
        let url = format!("{}sso", self.url);
        let answer = self.client.post(url).form(&form.fields).send().await?;
        let cookie = answer.headers().get(header::SET_COOKIE);
        let cookie = cookie.ok_or("no session")?.to_str()?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// How the page is answered.
    pub(super) async fn status(&self, cookie: &str) -> Result<u16, Failed> {
        let request = self.client.get(&self.url).header(header::COOKIE, cookie);
        Ok(request.send().await?.status().as_u16())
    }

    pub(super) async fn stop(self, cloud: &Cloud) -> TestResult {
        self.server.stop().await;
        self.person.dismiss(cloud).await
    }
}

/// What Heroku has a customer's browser send.
pub(super) struct Form {
    fields: Vec<(&'static str, String)>,
}

impl Form {
    /// Made so many seconds ago. No two of one time are good.
    pub(super) fn new(addon: &str, age: i64) -> Self {
        Self::by(addon, "eve@example.org", age)
    }

    pub(super) fn by(addon: &str, email: &str, age: i64) -> Self {
        let timestamp = (Timestamp::now().as_second() - age).to_string();
        let user = "0b1f5b3c-7a43-4f0e-9c1d-2a0c3c1e9a55";
        let signed = [addon, SALT, &timestamp, user, email].join(":");
        let mut token = String::new();
        for byte in digest(&SHA256, signed.as_bytes()).as_ref() {
            // Writing to a string cannot fail.
            let _ = write!(token, "{byte:02x}");
        }
        let fields = [
            ("resource_id", addon),
            ("timestamp", &timestamp),
            ("user_id", user),
            ("email", email),
            ("app", "fluffy"),
            ("user_scoped_resource_token", &token),
        ];
        Self {
            fields: fields.map(|(name, value)| (name, value.to_owned())).into(),
        }
    }

    /// Changes a field, and not the token of them all.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        for field in &mut self.fields {
            if field.0 == name {
                value.clone_into(&mut field.1);
            }
        }
    }

    /// The address of a page of nobody's site with this form.
    pub(super) fn page(&self, site: &str) -> String {
        let mut html = format!("<meta charset=utf-8><form method=post action='{site}sso'>");
        for (name, value) in &self.fields {
            let value = value.replace('&', "&amp;").replace('"', "&quot;");
            let _ = write!(html, "<input name='{name}' value=\"{value}\">");
        }
        html.push_str("<button>Open the dashboard</button></form>");
        format!("data:text/html;base64,{}", STANDARD.encode(html))
    }
}
