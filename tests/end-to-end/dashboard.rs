//! `infra/examples/sso-dashboard/`: the customer's page, in a browser and with the rights that its folder names.

mod browser;
mod site;

use std::sync::Arc;

use jiff::Timestamp;
use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use local_cloud::stack;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stand_in::patience::eventually;
use tools::process;

use crate::fleet::enrolled;
use crate::support::{check, current, names, revoke, snapshot, workspace};
use crate::{GRACE_PERIOD, Suite, TestResult};
use browser::Browser;
use site::{Form, Site};

const FOLDER: &str = "infra/examples/sso-dashboard";

/// Whoever has no session reads it.
const SIGN_IN: &str = "Open this page from Heroku";

/// A customer's e-mail address, which Heroku signs as it is.
const HOSTILE: &str = "\"><script>document.title='taken'</script><b>@example.org";

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("dashboard::its_own_tests_pass", own_tests);
    suite.test("dashboard::its_rights_are_enough_and_show_no_value", rights);
    suite.test("dashboard::a_customer_rotates_in_a_browser", in_a_browser);
}

/// The policy of the folder, for the local cloud's account.
pub(crate) fn policy() -> Result<Value, Failed> {
    let text = std::fs::read_to_string(workspace().join(FOLDER).join("policy.json"))?;
    Ok(serde_json::from_str(
        &text.replace("123456789012", "000000000000"),
    )?)
}

async fn own_tests(cloud: Arc<Cloud>) -> TestResult {
    let mut python = process::command(cloud.tools.ministack(), Signal::SIGTERM);
    python.args(["-m", "unittest", "--verbose"]);
    python.current_dir(workspace().join(FOLDER));
    let cache = tempfile::tempdir()?;
    python.env("PYTHONPYCACHEPREFIX", cache.path());
    let log = cloud.logs().join("dashboard-unittest.log");
    process::run("python3 -m unittest", python, &log, None).await?;
    Ok(())
}

/// With its policy and the stack's the page is shown, without any action of it not; and neither shows a value.
async fn rights(cloud: Arc<Cloud>) -> TestResult {
    let instance = enrolled(&cloud, "viewed", Api::V1, Engine::Http).await?;
    let site = Site::start(&cloud, "rights").await?;
    let cookie = site.sign_in(&Form::new(&instance.addon, 0)).await?;
    check(site.status(&cookie).await? == 200, || {
        "the rights are not enough".to_owned()
    })?;
    let policy = policy()?;
    let actions = policy["Statement"][0]["Action"].as_array();
    let actions = actions.cloned().unwrap_or_default();
    check(!actions.is_empty(), || policy.to_string())?;
    for action in &actions {
        let mut less = policy.clone();
        less["Statement"][0]["Action"] =
            actions.iter().filter(|it| *it != action).cloned().collect();
        site.person.may(&cloud, "page", &less).await?;
        check(site.status(&cookie).await? == 502, || {
            format!("{action} is not needed")
        })?;
    }
    site.person.may(&cloud, "page", &policy).await?;
    check(site.status(&cookie).await? == 200, || {
        "the rights are not back".to_owned()
    })?;

    let managed = instance.secret_arn.as_str();
    for arguments in [
        vec!["get-secret-value", "--secret-id", managed],
        vec!["get-secret-value", "--secret-id", "addon/partner"],
        vec!["describe-secret", "--secret-id", "addon/partner"],
        vec![
            "put-secret-value",
            "--secret-id",
            managed,
            "--secret-string",
            "{}",
        ],
        vec!["rotate-secret", "--secret-id", managed],
    ] {
        let mut aws = stack::aws(&cloud.tools, cloud.gateway.endpoint());
        site.person.equip(&mut aws);
        let output = aws.arg("secretsmanager").args(&arguments).output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        names(&said, &["AccessDenied"])?;
    }
    site.stop(&cloud).await
}

async fn in_a_browser(cloud: Arc<Cloud>) -> TestResult {
    let progress = Arc::new(|line: &str| println!("{line}"));
    let chromium = match tools::ensure_chromium(cloud.tools.target(), progress).await {
        Ok(chromium) => chromium,
        Err(error) => {
            println!("LEFT OUT: the dashboard in a browser. {error:#}");
            return Ok(());
        }
    };
    let instance = enrolled(&cloud, "clicked", Api::V3, Engine::Http).await?;
    let other = enrolled(&cloud, "unclicked", Api::V1, Engine::Http).await?;
    let site = Site::start(&cloud, "browser").await?;
    let browser = Browser::start(&chromium, cloud.logs()).await?;
    let customer = Customer {
        cloud: &cloud,
        browser: &browser,
        site: &site,
        instance: &instance,
    };
    customer.is_kept_out().await?;
    customer.signs_in().await?;
    customer.is_not_tricked().await?;
    let old = current(&cloud, &instance)?;
    customer.rotates(&other).await?;
    customer.rotates_again().await?;
    revoke(&cloud, &old).await?;
    browser.reload().await?;
    browser.shows("None works any more").await?;
    customer.picture("ended").await?;
    check(snapshot(&cloud, &other)?.versions.len() == 1, || {
        "the other add-on was rotated".to_owned()
    })?;
    browser.quit().await?;
    site.stop(&cloud).await
}

/// Somebody who has the add-on, at their browser.
struct Customer<'a> {
    cloud: &'a Cloud,
    browser: &'a Browser,
    site: &'a Site,
    instance: &'a Instance,
}

impl Customer<'_> {
    /// Sends a form as Heroku's page does, which is another site.
    async fn sends(&self, form: &Form) -> TestResult {
        self.browser.open(&form.page(&self.site.url)).await?;
        self.browser.click("button").await
    }

    async fn picture(&self, name: &str) -> TestResult {
        let path = self.cloud.logs().join(format!("dashboard-{name}.png"));
        self.browser.screenshot(&path).await
    }

    fn versions(&self) -> Result<usize, Failed> {
        Ok(snapshot(self.cloud, self.instance)?.versions.len())
    }

    async fn is_kept_out(&self) -> TestResult {
        self.browser.open(&self.site.url).await?;
        self.browser.shows(SIGN_IN).await?;
        let addon = &self.instance.addon;
        let mut forged = Form::new(addon, 1);
        forged.set("user_scoped_resource_token", &"0".repeat(64));
        let mut changed = Form::new(addon, 2);
        changed.set("email", "another@example.org");
        for form in [forged, changed, Form::new(addon, 301)] {
            self.sends(&form).await?;
            self.browser.shows(SIGN_IN).await?;
            let cookies = self.browser.cookies().await?;
            check(cookies == json!([]), || cookies.to_string())?;
        }
        Ok(())
    }

    async fn signs_in(&self) -> TestResult {
        let form = Form::by(&self.instance.addon, HOSTILE, 3);
        self.sends(&form).await?;
        self.browser.shows("Rotate now").await?;
        let cookie = self.browser.cookies().await?[0].take();
        let attributes = ["httpOnly", "secure", "sameSite", "path"].map(|it| cookie[it].clone());
        let expected = [json!(true), json!(true), json!("Lax"), json!("/")];
        check(attributes == expected, || cookie.to_string())?;
        // The address is text, whatever it looks like.
        self.browser
            .shows(&format!("Signed in as {HOSTILE}"))
            .await?;
        let script = "return [document.title, document.querySelectorAll('script, b').length]";
        let seen = self.browser.script(script, json!([])).await?;
        check(seen == json!(["Acme credential", 0]), || seen.to_string())?;

        // A sign-in counts once.
        self.browser.forget_cookies().await?;
        self.sends(&form).await?;
        self.browser.shows(SIGN_IN).await?;
        self.sends(&Form::new(&self.instance.addon, 4)).await?;
        self.browser.shows("Rotate now").await
    }

    /// A form that is not the page's does nothing.
    async fn is_not_tricked(&self) -> TestResult {
        let form = "document.forms[0].elements.form_token";
        for script in [format!("{form}.remove()"), format!("{form}.value = '0'")] {
            self.browser.open(&self.site.url).await?;
            self.browser.script(&script, json!([])).await?;
            self.browser.click("button").await?;
            self.browser.shows("Nothing was done").await?;
        }
        self.browser.open(&self.site.rotate()).await?;
        self.browser.shows("Rotate now").await?;
        check(self.versions()? == 1, || "it was rotated".to_owned())
    }

    /// The customer's own add-on, whichever the form names.
    async fn rotates(&self, other: &Instance) -> TestResult {
        let (cloud, browser) = (self.cloud, self.browser);
        let first = browser.new_window().await?;
        browser.open(&self.site.url).await?;
        browser.shows("Rotate now").await?;
        browser.window(&first).await?;
        let add = "for (const name of ['AddonId', 'addon', 'resource_id']) {
            const field = document.createElement('input');
            [field.type, field.name, field.value] = ['hidden', name, arguments[0]];
            document.forms[0].append(field);
        }";
        browser.script(add, json!([other.addon])).await?;
        let held = cloud.hold_step(self.instance, "createSecret");
        browser.click("button").await?;
        browser.shows("Rotating since").await?;
        self.picture("rotating").await?;
        check(self.versions()? == 2, || "another was rotated".to_owned())?;

        // The other window still has the button.
        let second = browser.other_window(&first).await?;
        browser.window(&second).await?;
        browser.click("button").await?;
        browser.shows("A rotation is already running").await?;
        browser.window(&first).await?;
        drop(held);
        // The page refreshes itself.
        browser.shows("Ends at").await?;
        let ended = async || snapshot(cloud, self.instance).is_ok_and(|it| !it.rotation_runs);
        check(eventually(ended).await, || "it runs on".to_owned())?;
        browser.reload().await?;
        browser.shows("Ends at").await?;
        self.picture("rotated").await?;
        let script = "const is = it => it.innerText.startsWith('Ends at');
            return [...document.querySelectorAll('dd')].find(is).querySelector('time').dateTime";
        let shown = browser.script(script, json!([])).await?;
        let shown: Timestamp = shown.as_str().ok_or("no time")?.parse()?;
        let rotated = snapshot(cloud, self.instance)?.last_rotated;
        let ends = rotated.ok_or("it was never rotated")? + GRACE_PERIOD;
        check(shown.as_second() == ends.as_second(), || {
            format!("it ends at {ends}, and the page shows {shown}")
        })
    }

    async fn rotates_again(&self) -> TestResult {
        let versions = self.versions()?;
        self.browser.click("button").await?;
        self.browser.shows("then press again").await?;
        names(&self.browser.text().await?, &["Wait "])?;
        self.picture("too-soon").await?;
        check(self.versions()? == versions, || "rotated again".to_owned())?;
        self.browser.open(&self.site.url).await?;
        self.browser.shows("Ends at").await
    }
}
