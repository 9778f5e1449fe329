//! A browser, driven by [WebDriver](https://www.w3.org/TR/webdriver2/) over HTTP.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use stand_in::patience::{PATIENCE, eventually};
use tempfile::TempDir;
use tools::Chromium;
use tools::process::{self, Process};

use crate::TestResult;

/// Before a reference to an element, in the answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one session, and its driver. Both end with it.
pub(super) struct Browser {
    client: Client,
    /// Of the session.
    url: String,
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    pub(super) async fn start(chromium: &Chromium, logs: &Path) -> Result<Self, Failed> {
        let profile = tempfile::tempdir()?;
        let mut command = process::command(&chromium.driver, Signal::SIGTERM);
        command.arg("--port=0").env("HOME", profile.path());
        if let Some(fonts) = chromium.fonts() {
            // Which of them is which, the machine says, if it does.
            let path = profile.path().join("fonts.conf");
            let text = format!(
                "<fontconfig><include ignore_missing=\"yes\">/etc/fonts/fonts.conf</include>\
                 <dir>{}</dir><cachedir>{}</cachedir></fontconfig>",
                fonts.display(),
                profile.path().join("fonts").display()
            );
            std::fs::write(&path, text)?;
            command.env("FONTCONFIG_FILE", path);
        }
        let log = logs.join("chromedriver.log");
        let mut driver = Process::spawn("chromedriver", command, &log).await?;
        let mut port = None;
        let started = "ChromeDriver was started successfully on port ";
        driver
            .wait_until(PATIENCE, async |output| {
                port = output.lines().iter().find_map(|line| {
                    let port = line.strip_prefix(started)?;
                    port.trim_end_matches('.').parse::<u16>().ok()
                });
                port.is_some()
            })
            .await?;
        let port = port.ok_or("chromedriver has no port")?;
        let mut browser = Self {
            client: Client::builder().no_proxy().build()?,
            url: format!("http://127.0.0.1:{port}/session"),
            _driver: driver,
            _profile: profile,
        };
        let options = json!({
            "binary": chromium.browser,
            // No sandbox: it may run as root, and sees this test's own pages alone.
            "args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=900,900"],
        });
        let capabilities = json!({ "alwaysMatch": { "goog:chromeOptions": options } });
        let session = json!({ "capabilities": capabilities });
        let session = browser.call(Method::POST, "", &session).await?;
        let id = session["sessionId"].as_str().ok_or("no session")?;
        browser.url = format!("{}/{id}", browser.url);
        Ok(browser)
    }

    /// A command; its value.
    async fn call(&self, method: Method, command: &str, body: &Value) -> Result<Value, Failed> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{command}", self.url));
        if method == Method::POST {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let good = answer.status().is_success();
        let value = answer.json::<Value>().await?["value"].take();
        if good {
            Ok(value)
        } else {
            Err(format!("{command}: {} {}", value["error"], value["message"]).into())
        }
    }

    async fn post(&self, command: &str, body: Value) -> Result<Value, Failed> {
        self.call(Method::POST, command, &body).await
    }

    pub(super) async fn open(&self, url: &str) -> TestResult {
        self.post("/url", json!({ "url": url })).await.map(drop)
    }

    pub(super) async fn reload(&self) -> TestResult {
        self.post("/refresh", json!({})).await.map(drop)
    }

    /// Clicks the first element that a CSS selector finds, and waits for the page that this leads to.
    pub(super) async fn click(&self, selector: &str) -> TestResult {
        let using = json!({ "using": "css selector", "value": selector });
        let found = self.post("/element", using).await?;
        let element = found[ELEMENT].as_str().ok_or("no element")?;
        self.post(&format!("/element/{element}/click"), json!({}))
            .await
            .map(drop)
    }

    /// What a script says that somebody types into the browser's console.
    pub(super) async fn script(&self, script: &str, arguments: Value) -> Result<Value, Failed> {
        let body = json!({ "script": script, "args": arguments });
        self.post("/execute/sync", body).await
    }

    /// The text that is shown.
    pub(super) async fn text(&self) -> Result<String, Failed> {
        let text = self.script("return document.body.innerText", json!([]));
        Ok(text.await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a text is shown.
    pub(super) async fn shows(&self, text: &str) -> TestResult {
        let is_shown = async || self.text().await.is_ok_and(|it| it.contains(text));
        if eventually(is_shown).await {
            return Ok(());
        }
        Err(format!(
            "in vain waited for {text:?}; shown is: {}",
            self.text().await?
        )
        .into())
    }

    /// A second window, which is looked at from now on; and the first one's name.
    pub(super) async fn new_window(&self) -> Result<String, Failed> {
        let first = self.call(Method::GET, "/window", &Value::Null).await?;
        let made = self.post("/window/new", json!({ "type": "tab" })).await?;
        let handle = made["handle"].as_str().unwrap_or_default();
        self.window(handle).await?;
        Ok(first.as_str().unwrap_or_default().to_owned())
    }

    /// The name of the window that is not this one.
    pub(super) async fn other_window(&self, name: &str) -> Result<String, Failed> {
        let all = self
            .call(Method::GET, "/window/handles", &Value::Null)
            .await?;
        let mut all = all
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let other = all.find(|it| *it != name);
        Ok(other.ok_or("there is one window")?.to_owned())
    }

    /// Looks at another window.
    pub(super) async fn window(&self, name: &str) -> TestResult {
        let body = json!({ "handle": name });
        self.post("/window", body).await.map(drop)
    }

    pub(super) async fn cookies(&self) -> Result<Value, Failed> {
        self.call(Method::GET, "/cookie", &Value::Null).await
    }

    pub(super) async fn forget_cookies(&self) -> TestResult {
        let deleted = self.call(Method::DELETE, "/cookie", &Value::Null).await;
        deleted.map(drop)
    }

    pub(super) async fn screenshot(&self, path: &Path) -> TestResult {
        let image = self.call(Method::GET, "/screenshot", &Value::Null).await?;
        let image = image.as_str().ok_or("no picture")?;
        std::fs::write(path, STANDARD.decode(image)?)?;
        Ok(())
    }

    /// Ends the browser, and then its driver.
    pub(super) async fn quit(self) -> TestResult {
        self.call(Method::DELETE, "", &Value::Null).await.map(drop)
    }
}
