//! Stopped early, the command takes back what it did, or says what it could not.

use super::service::{Service as TestService, Wrong};
use super::*;

/// Fails instead of waiting for ever.
async fn within<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_mins(1);
    tokio::time::timeout(limit, work).await.unwrap()
}

#[tokio::test]
async fn what_was_registered_is_revoked_when_the_command_is_stopped() {
    let service = TestService::start(Wrong::HangsWhileRegistered).await;
    let signals = Signals::default();
    let examined = examine(settings(service.url.as_str()), PATIENCE, &signals, |_| {});
    let stopped = async {
        service.hanging().await;
        assert_eq!(service.live().len(), 2);
        // The look after the revocation would hang as well.
        service.is_now(Wrong::Nothing);
        signals.stop.cancel();
    };
    let (report, ()) = within(async { tokio::join!(examined, stopped) }).await;
    let report = report.unwrap();
    assert!(report.interrupted);
    assert_eq!(service.known(), 2);
    assert_eq!(service.live(), Vec::<String>::new());
    assert_eq!(report.left, []);
    assert_eq!(report.status(), 2);
    assert!(failed(&report).is_empty());
    assert!(skipped(&report).contains(&"https"));
}

#[tokio::test]
async fn a_registration_under_way_is_waited_for_and_revoked() {
    let service = TestService::start(Wrong::RegistersLater).await;
    let signals = Signals::default();
    let examined = examine(settings(service.url.as_str()), PATIENCE, &signals, |_| {});
    let stopped = async {
        service.hanging().await;
        signals.stop.cancel();
        // Were the registration cut off, its revocation would come before it in this time.
        tokio::time::sleep(Duration::from_millis(300)).await;
        service.let_go();
    };
    let (report, ()) = within(async { tokio::join!(examined, stopped) }).await;
    let report = report.unwrap();
    assert!(report.interrupted);
    assert_eq!(service.known(), 1);
    assert_eq!(service.live(), Vec::<String>::new());
    assert_eq!(report.left, []);
}

#[tokio::test]
async fn stopped_twice_it_says_what_it_left() {
    let service = TestService::start(Wrong::HangsWhileRegistered).await;
    let signals = Signals::default();
    let examined = examine(settings(service.url.as_str()), PATIENCE, &signals, |_| {});
    let stopped = async {
        service.hanging().await;
        service.is_now(Wrong::HangsAtDelete);
        signals.stop.cancel();
        service.hanging().await;
        signals.leave.cancel();
    };
    let (report, ()) = within(async { tokio::join!(examined, stopped) }).await;
    let report = report.unwrap();
    assert_eq!(report.status(), 1);
    let live = service.live();
    assert_eq!(live.len(), 2);
    let left: Vec<_> = report.left.iter().map(|(id, _)| id.clone()).collect();
    // The first look, before anything is registered, asks for an id that is in the ledger of none.
    assert!(live.iter().all(|id| left.contains(id)), "{left:?}");
    assert!(report.text(false).contains("NOT REVOKED"));
}
