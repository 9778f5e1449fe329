use std::collections::BTreeMap;

use credential_service::{CredentialService, CredentialServiceOptions};
use jiff::Timestamp;
use stand_in::events::EventLog;
use stand_in::patience::Clock;
use stand_in::{Fault, FaultRule};
use strict_heroku::{AppSpec, Manifest, Provision, RestartSpeed};

use super::*;

mod servers;

const EVERY: Duration = Duration::from_millis(5);

/// From one dyno's restart to the next one's.
const RESTART: Duration = Duration::from_millis(100);

/// Later than all dynos' restarts.
const LATE: Duration = Duration::from_mins(4);

struct Fixture {
    heroku: Arc<Heroku>,
    service: CredentialService,
    addon: String,
}

impl Fixture {
    /// An app of two dynos that restart slowly enough to be watched.
    async fn new() -> Self {
        let events = EventLog::default();
        let options = CredentialServiceOptions {
            name: "acme".to_owned(),
            administrator_token: "administrator-token".to_owned(),
        };
        let service = CredentialService::start(options, events.clone())
            .await
            .unwrap();
        service.register("first", "first-key").unwrap();
        let (heroku, addon) = heroku_with(events, &shown(&service, "first-key")).await;
        Self {
            heroku,
            service,
            addon,
        }
    }

    fn start(&self) -> Customer {
        start(&self.heroku, Login::Http)
    }

    fn publish(&self, key: &str) {
        let vars = BTreeMap::from([("ACME_URL".to_owned(), shown(&self.service, key))]);
        self.heroku.set_config(&self.addon, &vars).unwrap();
    }

    async fn revoke(&self, id: &str) {
        let url = format!("{}/credentials/{id}", self.service.url());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.delete(url).bearer_auth("administrator-token");
        assert_eq!(request.send().await.unwrap().status(), 204);
    }

    async fn settled(&self) {
        settled(&self.heroku).await;
    }
}

/// What a customer's config var holds: the base URL, with the key as its password.
fn shown(service: &CredentialService, key: &str) -> String {
    let url = service.url();
    url.as_str()
        .replacen("http://", &format!("http://key:{key}@"), 1)
}

/// The app `shop` with an add-on whose `ACME_URL` is `value`; its dynos already run with it.
async fn heroku_with(events: EventLog, value: &str) -> (Arc<Heroku>, String) {
    let heroku = Heroku::start(events).await.unwrap();
    let manifest = Manifest {
        id: "acme".to_owned(),
        api_password: "manifest-password".to_owned(),
        client_secret: "client-secret".to_owned(),
        config_vars: vec!["ACME_URL".to_owned()],
    };
    heroku.add_service(manifest).unwrap();
    let app = AppSpec {
        name: "shop".to_owned(),
        dynos: 2,
        restart: RestartSpeed {
            first: RESTART,
            stagger: RESTART,
        },
    };
    heroku.create_app(app).unwrap();
    let provision = Provision {
        service: "acme".to_owned(),
        name: "acme-fluffy-1".to_owned(),
        owner_app: "shop".to_owned(),
        config: BTreeMap::from([("ACME_URL".to_owned(), value.to_owned())]),
    };
    let addon = heroku.provision(provision).unwrap().id;
    let heroku = Arc::new(heroku);
    settled(&heroku).await;
    (heroku, addon)
}

/// Until every dyno runs with the newest release.
async fn settled(heroku: &Heroku) {
    eventually(|| {
        let dynos = heroku.dynos("shop").unwrap();
        dynos.iter().all(|dyno| !dyno.restarting)
    })
    .await;
}

fn spec(heroku: &Arc<Heroku>, login: Login) -> CustomerSpec {
    CustomerSpec {
        heroku: Arc::clone(heroku),
        app: "shop".to_owned(),
        config_var: "ACME_URL".to_owned(),
        login,
        every: EVERY,
    }
}

fn start(heroku: &Arc<Heroku>, login: Login) -> Customer {
    Customer::start(spec(heroku, login)).unwrap()
}

async fn eventually(holds: impl Fn() -> bool) {
    assert!(stand_in::patience::eventually(async || holds()).await);
}

async fn each_logs_in(customer: &Customer) {
    assert!(
        customer.each_dyno_logs_in(3).await,
        "{:?}",
        customer.tally()
    );
}

/// What the slices of time add up to: accepted and lost.
fn in_slices(tally: &Tally) -> (u64, u64) {
    let begins = |at: &Timestamp| i128::from(at.as_millisecond()) % SLICE.as_millis() == 0;
    assert!(tally.slices.keys().all(begins), "{tally:?}");
    let slices = tally.slices.values();
    slices.fold((0, 0), |(accepted, lost), it| {
        (accepted + u64::from(it.accepted), lost + u64::from(it.lost))
    })
}

#[tokio::test]
async fn a_careful_rotation_refuses_no_login() {
    let fixture = Fixture::new().await;
    let customer = fixture.start();
    each_logs_in(&customer).await;
    fixture.service.register("second", "second-key").unwrap();
    fixture.publish("second-key");
    fixture.settled().await;
    fixture.revoke("first").await;
    each_logs_in(&customer).await;
    let tally = customer.stop().await;
    assert_eq!(
        (tally.refused, tally.errors, tally.missing),
        (0, 0, 0),
        "{tally:?}"
    );
    let releases: Vec<_> = tally.generations.keys().copied().collect();
    assert_eq!(releases, [2, 3]);
    let sum: u64 = tally.generations.values().map(|it| it.accepted).sum();
    assert_eq!(sum, tally.accepted);
    assert_eq!(in_slices(&tally), (tally.accepted, 0));
}

#[tokio::test]
async fn a_credential_that_ends_before_the_restarts_are_over_is_seen_to_be_refused() {
    let fixture = Fixture::new().await;
    let customer = fixture.start();
    fixture.service.register("second", "second-key").unwrap();
    fixture.revoke("first").await;
    eventually(|| customer.tally().refused > 0).await;
    fixture.publish("second-key");
    fixture.settled().await;
    let tally = customer.stop().await;
    assert!(tally.refused > 0, "{tally:?}");
    assert_eq!(tally.generations[&2].refused, tally.refused);
    assert_eq!(
        in_slices(&tally),
        (tally.accepted, tally.refused + tally.overtaken)
    );
    let text = tally.first_refusal.unwrap();
    assert!(text.contains("shop web.") && text.contains("v2") && text.contains("401"));
    assert!(!text.contains("first-key"));
}

#[tokio::test]
async fn a_service_that_is_down_is_no_refusal() {
    let fixture = Fixture::new().await;
    let customer = fixture.start();
    eventually(|| customer.tally().accepted > 0).await;
    drop(fixture.service);
    eventually(|| customer.tally().errors > 2).await;
    let tally = customer.stop().await;
    assert_eq!(tally.refused, 0);
    assert!(!tally.first_error.unwrap().contains("first-key"));
}

#[tokio::test]
async fn a_dyno_without_the_var_is_told_apart() {
    let fixture = Fixture::new().await;
    let spec = CustomerSpec {
        config_var: "OTHER_URL".to_owned(),
        ..spec(&fixture.heroku, Login::Http)
    };
    let customer = Customer::start(spec).unwrap();
    eventually(|| customer.tally().missing > 2).await;
    let tally = customer.stop().await;
    assert_eq!((tally.accepted, tally.errors), (0, 0));
}

/// The answer comes when no dyno runs with the credential any more.
#[tokio::test]
async fn a_refusal_that_arrives_after_the_restarts_is_overtaken() {
    let fixture = Fixture::new().await;
    let dyno = Dyno {
        spec: Arc::new(spec(&fixture.heroku, Login::Http)),
        name: "web.1".to_owned(),
        tally: Arc::default(),
    };
    let mut client = Client::new(&dyno.spec, &dyno.name).unwrap();
    fixture.service.register("second", "second-key").unwrap();
    fixture.revoke("first").await;
    dyno.log_in(&mut client).await;
    assert_eq!(lock(&dyno.tally).refused, 1);
    fixture
        .service
        .fail_next(FaultRule::next(Fault::Slow(LATE)).at("/v1/items"));
    let clock = Clock::stop();
    let restarts = async {
        assert!(clock.until(|| fixture.service.pending_faults() == 0).await);
        fixture.publish("second-key");
        let run_with_it = || {
            let dynos = fixture.heroku.dynos("shop").unwrap();
            dynos.iter().all(|dyno| dyno.release == 3)
        };
        while !run_with_it() {
            clock.advance(RESTART / 10).await;
        }
        clock.advance(LATE).await;
    };
    tokio::join!(dyno.log_in(&mut client), restarts);
    let tally = lock(&dyno.tally).clone();
    assert_eq!((tally.refused, tally.overtaken), (1, 1), "{tally:?}");
}
