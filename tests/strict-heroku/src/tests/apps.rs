use super::*;

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
async fn every_write_is_one_release_on_the_owner_and_on_each_attached_app() {
    let fixture = Fixture::new().await;
    fixture.heroku.create_app(app("bystander")).unwrap();
    fixture.attached(app("reports"), "STATS");
    // A second attachment to the same app is no second release.
    fixture
        .heroku
        .attach(&fixture.addon.id, "reports", "MORE")
        .unwrap();
    fixture.written("second").await;
    // Creation, one for each attachment, one for the write.
    assert_eq!(fixture.versions("shop"), [1, 2, 3]);
    assert_eq!(fixture.versions("reports"), [1, 2, 3, 4]);
    let last = fixture.heroku.releases("shop").unwrap().pop().unwrap();
    assert_eq!(last.description, "Update ACME by acme");
    // Whether it changes anything or not.
    fixture.written("second").await;
    assert_eq!(fixture.versions("shop"), [1, 2, 3, 4]);
    assert_eq!(fixture.versions("bystander"), [1]);
    assert_eq!(fixture.writes(), 2);
    // Nobody sees the config of an add-on that is gone.
    fixture.heroku.deprovision(&fixture.addon.id).unwrap();
    let vars = BTreeMap::from([("ACME_URL".to_owned(), "new".to_owned())]);
    fixture.heroku.set_config(&fixture.addon.id, &vars).unwrap();
    assert_eq!(fixture.versions("shop"), [1, 2, 3, 4, 5]);
    assert_eq!(fixture.versions("reports"), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn every_dyno_gets_the_new_config_in_its_turn() {
    let fixture = Fixture::new().await;
    fixture.written("second").await;
    let dynos = || fixture.heroku.dynos("shop").unwrap();
    let settled = async || dynos().iter().all(|dyno| dyno.release == 3);
    assert!(stand_in::patience::eventually(settled).await);
    for dyno in dynos() {
        assert!(!dyno.restarting);
        assert_eq!(dyno.config["ACME_URL"], "second");
        assert_eq!(dyno.config["ACME_GOLD_URL"], "second");
    }
    let restarted = |kind: &EventKind| matches!(kind, EventKind::DynoRestarted { .. });
    let first = fixture.event(restarted).await;
    assert!(matches!(first.kind, EventKind::DynoRestarted { dyno, .. } if dyno == "web.1"));
}

#[tokio::test]
async fn a_restarting_dyno_runs_with_what_it_had() {
    let fixture = Fixture::new().await;
    fixture.attached(slow_app("private"), "ACME");
    fixture
        .event(|kind| matches!(kind, EventKind::DynoRestarting { app, .. } if app == "private"))
        .await;
    fixture.written("second").await;
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
    let addon = provision("acme", "acme-fluffy-1", "private");
    let addon = world.provision(addon).unwrap();
    let minutes = |n| tokio::time::sleep(Duration::from_mins(n));
    minutes(30).await;
    let number = world.number(&addon.id).unwrap();
    let changes = [("ACME_URL".to_owned(), Some("second".to_owned()))];
    world.write_config(number, &changes.into()).unwrap();
    for (passed, release, value, restarting) in [
        (0, 1, None, true),
        (31, 2, Some("first"), true),
        (58, 2, Some("first"), true),
        (2, 3, Some("second"), false),
    ] {
        minutes(passed).await;
        let state = world.app("private").unwrap().dynos[0].state();
        let runs_with = state.config.get("ACME_URL").map(String::as_str);
        assert_eq!(
            (state.release, runs_with, state.restarting),
            (release, value, restarting)
        );
    }
}

#[tokio::test]
async fn an_attached_app_sees_the_add_on_under_the_attachments_name() {
    let fixture = Fixture::new().await;
    let mut quick = app("reports");
    quick.restart.first = Duration::ZERO;
    fixture.attached(quick, "STATS");
    fixture
        .event(|kind| matches!(kind, EventKind::DynoRestarted { app, dyno } if app == "reports" && dyno == "web.1"))
        .await;
    let dyno = fixture.heroku.dynos("reports").unwrap().remove(0);
    let expected = BTreeMap::from([("STATS_URL".to_owned(), "first".to_owned())]);
    assert_eq!(dyno.config, expected);
}

#[tokio::test]
async fn what_can_be_printed_holds_no_secret() {
    let fixture = Fixture::new().await;
    let dynos = fixture.heroku.dynos("shop").unwrap();
    let events = fixture.events.since(0);
    let printed = format!("{:?} {dynos:?} {events:?}", fixture.addon);
    let secrets = fixture.heroku.secret_values();
    for secret in [PASSWORD, CLIENT_SECRET, &fixture.addon.grant_code, "first"] {
        assert!(secrets.iter().any(|it| it == secret));
        assert!(secret == "first" || !printed.contains(secret));
    }
}
