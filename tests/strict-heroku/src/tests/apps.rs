use serde_json::json as j;

use super::*;

async fn write(fixture: &Fixture, value: &str) {
    let path = format!("vendor/apps/{}", fixture.addon.id);
    let body = j!({ "config": { "ACME_URL": value } });
    let request = fixture.v1(Method::PUT, &path).json(&body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

fn slow_app(name: &str) -> AppSpec {
    AppSpec {
        restart: RestartSpeed {
            first: Duration::from_hours(1),
            stagger: Duration::ZERO,
        },
        ..app(name)
    }
}

#[tokio::test]
async fn a_write_is_one_release_on_the_owner_and_on_each_attached_app() {
    let fixture = Fixture::new().await;
    for name in ["reports", "bystander"] {
        fixture.heroku.create_app(app(name)).unwrap();
    }
    fixture
        .heroku
        .attach(&fixture.addon.id, "reports", "STATS")
        .unwrap();
    // A second attachment to the same app is no second release.
    fixture
        .heroku
        .attach(&fixture.addon.id, "reports", "MORE")
        .unwrap();
    write(&fixture, "second").await;
    // Creation, one for each attachment, one for the write.
    assert_eq!(fixture.versions("shop"), [1, 2, 3]);
    assert_eq!(fixture.versions("reports"), [1, 2, 3, 4]);
    assert_eq!(fixture.versions("bystander"), [1]);
    let last = fixture.heroku.releases("shop").unwrap().pop().unwrap();
    assert_eq!(last.description, "Update ACME by acme");
    assert_eq!(fixture.heroku.config_writes(&fixture.addon.id).unwrap(), 1);
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_a_release_as_well() {
    let fixture = Fixture::new().await;
    let before = fixture.versions("shop").len();
    write(&fixture, "first").await;
    write(&fixture, "first").await;
    assert_eq!(fixture.versions("shop").len(), before + 2);
    assert_eq!(fixture.heroku.config_writes(&fixture.addon.id).unwrap(), 2);
}

#[tokio::test]
async fn every_dyno_gets_the_new_config_in_its_turn() {
    let fixture = Fixture::new().await;
    write(&fixture, "second").await;
    for dyno in ["web.1", "web.2"] {
        let version_3 = |state: &DynoState| state.name == dyno && state.release == 3;
        loop {
            let seen = fixture.events.since(0).len();
            if fixture.heroku.dynos("shop").unwrap().iter().any(version_3) {
                break;
            }
            let more = fixture
                .events
                .wait_for(|events| (events.len() > seen).then_some(()));
            tokio::time::timeout(PATIENCE, more).await.unwrap();
        }
    }
    for dyno in fixture.heroku.dynos("shop").unwrap() {
        assert!(!dyno.restarting);
        assert_eq!(dyno.config["ACME_URL"], "second");
        assert_eq!(dyno.config["ACME_GOLD_URL"], "second");
    }
    let restarts: Vec<_> = fixture
        .events
        .since(0)
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::DynoRestarted { dyno, .. } => Some(dyno),
            _ => None,
        })
        .collect();
    assert_eq!(restarts[0], "web.1", "the first dyno is back first");
}

#[tokio::test]
async fn a_restarting_dyno_runs_with_what_it_had() {
    let fixture = Fixture::new().await;
    fixture.heroku.create_app(slow_app("private")).unwrap();
    fixture
        .heroku
        .attach(&fixture.addon.id, "private", "ACME")
        .unwrap();
    fixture
        .event(|kind| matches!(kind, EventKind::DynoRestarting { app, .. } if app == "private"))
        .await;
    write(&fixture, "second").await;
    for dyno in fixture.heroku.dynos("private").unwrap() {
        assert!(dyno.restarting);
        assert_eq!(dyno.release, 1);
        assert!(dyno.config.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_during_a_restart_is_followed_by_another_restart() {
    let mut world = World::new(EventLog::default());
    world.add_service(manifest("acme")).unwrap();
    world.create_app(slow_app("private")).unwrap();
    let addon = world
        .provision(provision("acme-fluffy-1", "private"))
        .unwrap();
    let minutes = |n| tokio::time::sleep(Duration::from_mins(n));
    minutes(30).await;
    let number = world.number(&addon.id).unwrap();
    let changes = [("ACME_URL".to_owned(), Some("second".to_owned()))];
    world.write_config(number, &changes.into()).unwrap();
    let running = |world: &World| {
        let state = world.app("private").unwrap().dynos[0].state();
        (
            state.release,
            state.config.get("ACME_URL").cloned(),
            state.restarting,
        )
    };
    assert_eq!(running(&world), (1, None, true));
    minutes(31).await;
    assert_eq!(running(&world), (2, Some("first".to_owned()), true));
    minutes(58).await;
    assert_eq!(running(&world), (2, Some("first".to_owned()), true));
    minutes(2).await;
    assert_eq!(running(&world), (3, Some("second".to_owned()), false));
}

#[tokio::test]
async fn an_attached_app_sees_the_add_on_under_the_attachments_name() {
    let fixture = Fixture::new().await;
    let mut quick = app("reports");
    quick.restart.first = Duration::ZERO;
    fixture.heroku.create_app(quick).unwrap();
    fixture
        .heroku
        .attach(&fixture.addon.id, "reports", "STATS")
        .unwrap();
    fixture
        .event(|kind| {
            matches!(kind, EventKind::DynoRestarted { app, dyno }
                if app == "reports" && dyno == "web.1")
        })
        .await;
    let dyno = fixture.heroku.dynos("reports").unwrap().remove(0);
    assert_eq!(
        dyno.config,
        BTreeMap::from([("STATS_URL".to_owned(), "first".to_owned())])
    );
}

#[tokio::test]
async fn deprovisioning_takes_the_vars_off_every_app() {
    let fixture = Fixture::new().await;
    fixture.heroku.create_app(app("reports")).unwrap();
    fixture
        .heroku
        .attach(&fixture.addon.id, "reports", "STATS")
        .unwrap();
    fixture.heroku.deprovision(&fixture.addon.id).unwrap();
    assert_eq!(fixture.versions("shop"), [1, 2, 3]);
    assert_eq!(fixture.versions("reports"), [1, 2, 3]);
    let vars = BTreeMap::from([("ACME_URL".to_owned(), "new".to_owned())]);
    // Nobody sees such a write, so nothing is released.
    fixture.heroku.set_config(&fixture.addon.id, &vars).unwrap();
    assert_eq!(fixture.versions("shop"), [1, 2, 3]);
}

#[tokio::test]
async fn misuse_is_told() {
    let fixture = Fixture::new().await;
    let short = Manifest {
        api_password: "short".to_owned(),
        ..manifest("short")
    };
    let error = fixture.heroku.add_service(short).unwrap_err();
    assert!(matches!(error, HerokuError::Manifest { .. }));
    let error = fixture.heroku.releases("nowhere").unwrap_err().to_string();
    assert!(error.contains("app `nowhere`"), "{error}");
    assert!(fixture.heroku.add_service(manifest("acme")).is_err());
    assert!(fixture.heroku.create_app(app("shop")).is_err());
    assert!(
        fixture
            .heroku
            .provision(provision("acme-fluffy-1", "shop"))
            .is_err()
    );
    assert!(
        fixture
            .heroku
            .provision(provision("acme-fluffy-2", "nowhere"))
            .is_err()
    );
    let mut undeclared = provision("acme-fluffy-2", "shop");
    undeclared
        .config
        .insert("OTHER".to_owned(), "value".to_owned());
    let error = fixture.heroku.provision(undeclared).unwrap_err();
    assert!(matches!(error, HerokuError::Undeclared { var, .. } if var == "OTHER"));
    assert!(
        fixture
            .heroku
            .attach(&fixture.addon.id, "shop", "ACME_GOLD")
            .is_err()
    );
}

#[tokio::test]
async fn what_can_be_printed_holds_no_secret() {
    let fixture = Fixture::new().await;
    let dynos = fixture.heroku.dynos("shop").unwrap();
    let printed = format!(
        "{:?} {dynos:?} {:?}",
        fixture.addon,
        fixture.events.since(0)
    );
    let secrets = fixture.heroku.secret_values();
    for secret in [PASSWORD, CLIENT_SECRET, &fixture.addon.grant_code, "first"] {
        assert!(secrets.iter().any(|it| it == secret));
        assert!(secret == "first" || !printed.contains(secret));
    }
}
