//! Whole rotations: what holds throughout, and what is left afterwards.

use std::collections::BTreeSet;

use http::Method;
use stand_in::events::EventKind;
use stand_in::{Fault, FaultRule};
use strict_aws::secrets_manager::Untidy;

use super::{assert_settled, assert_shown, fire, releases};
use crate::support::{Api, Invariants, Stand, credential};

#[tokio::test]
async fn two_rotations_within_the_grace_period_and_their_revocations() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        let invariants = Invariants::of(&stand, &instance);
        let first = stand.current(&instance);

        let second = stand.rotate(&instance).await;
        assert_eq!(stand.current(&instance), second);
        assert_shown(&stand, &instance, &second).await;
        let third = stand.rotate(&instance).await;
        assert_eq!(stand.current(&instance), third);
        assert_eq!(releases(&stand, &instance), 2, "{api:?}");

        // Dynos may still run with any of the three.
        let live: BTreeSet<_> = stand.service.live().into_iter().collect();
        let [newer, newest] = [&second, &third].map(|it| credential(&instance, it));
        let all = [instance.imported.clone(), newer, newest];
        assert_eq!(live, BTreeSet::from(all));
        for version in [&first, &second, &third] {
            let labelled = stand.is_labelled_live(&instance, version);
            assert!(labelled, "{api:?}: the label keeps the version");
        }

        fire(&stand, &second, 0).await;
        assert!(
            !stand.service.is_live(&credential(&instance, &second)),
            "{api:?}"
        );
        assert!(stand.service.is_live(&instance.imported), "{api:?}");
        fire(&stand, &first, 0).await;
        assert_settled(&stand, &instance).await;
        assert!(stand.gateway.scheduler().schedules().is_empty());
        invariants.assert_held();
    }
}

/// Reads show what was before, for a while, and Heroku confirms a write that does nothing.
#[tokio::test]
async fn late_reads_refuse_no_step_and_have_no_other_version_tried() {
    for (api, method) in [(Api::V1, Method::PUT), (Api::V3, Method::PATCH)] {
        let stand = Stand::start().await;
        let instance = stand.enrolled(api).await;
        stand.gateway.secrets_manager().be(Untidy {
            late_reads: 2,
            late_for: Some("rotate"),
            ..Untidy::default()
        });
        stand
            .heroku
            .fail_next(FaultRule::next(Fault::Garbage(200)).by(method));
        let second = stand.rotate(&instance).await;
        assert_eq!(stand.heroku.pending_faults(), 0, "{api:?}");
        // What Heroku does not show fails a step, and no read of Secrets Manager does.
        for event in stand.events.since(0) {
            if let EventKind::StepFailed { message, .. } = event.kind {
                assert!(message.contains("Heroku"), "{api:?}: {message}");
            }
        }
        assert_eq!(stand.current(&instance), second, "{api:?}");
        assert_shown(&stand, &instance, &second).await;
    }
}

#[tokio::test]
async fn enrolment_looks_and_changes_nothing() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        let instance = stand.instance(api).await;
        let (secret, shown) = (stand.snapshot(&instance), stand.shown(&instance));
        stand.switch_on(&instance).await.unwrap();
        assert!(stand.snapshot(&instance).rotation_enabled);
        assert_eq!(stand.snapshot(&instance).versions, secret.versions);
        assert_eq!(stand.shown(&instance), shown);
        assert_eq!(stand.heroku.config_writes(&instance.addon).unwrap(), 0);
        assert_eq!(stand.service.live(), [instance.imported.as_str()]);
        let called: Vec<_> = stand.lambda.records();
        let called: Vec<_> = called.iter().map(|it| it.function.as_str()).collect();
        assert_eq!(called, ["test-secret", "rotate"]);
    }
}

#[tokio::test]
async fn every_step_can_be_delivered_twice() {
    for api in Api::BOTH {
        let stand = Stand::start().await;
        stand.lambda.deliver_twice();
        let instance = stand.enrolled(api).await;
        let invariants = Invariants::of(&stand, &instance);
        let first = stand.current(&instance);
        let second = stand.rotate(&instance).await;
        assert_eq!(stand.lambda.records_of("rotate").len(), 1 + 4);
        assert_eq!(releases(&stand, &instance), 1, "{api:?}");
        assert_eq!(stand.heroku.config_writes(&instance.addon).unwrap(), 1);
        assert_eq!(stand.gateway.scheduler().schedules().len(), 1);
        assert_eq!(stand.snapshot(&instance).versions.len(), 2);

        fire(&stand, &first, 0).await;
        assert_eq!(stand.current(&instance), second);
        assert_settled(&stand, &instance).await;
        assert!(stand.gateway.scheduler().schedules().is_empty());
        invariants.assert_held();
    }
}

#[tokio::test]
async fn what_passes_between_the_functions_holds_no_value() {
    for api in Api::BOTH {
        let (stand, _, first) = Stand::rotated(api).await;
        fire(&stand, &first, 0).await;
        let records = stand.lambda.records();
        let others = records.iter().filter(|it| it.function != "rotate");
        assert!(others.clone().count() >= 6);
        for record in others {
            stand.assert_holds_no_secret(&record.payload.to_string());
            assert!(record.payload.get("RotationToken").is_none());
        }
        stand.assert_holds_no_secret(&format!("{:?}", stand.events.since(0)));
    }
}

#[tokio::test]
async fn labels_are_moved_in_the_order_that_a_crash_cannot_harm() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V1).await;
    let new = stand.rotate(&instance).await;
    let events = stand.events.since(0);
    let position = |what: &str, found: &dyn Fn(&EventKind) -> bool| {
        let position = events.iter().position(|event| found(&event.kind));
        position.unwrap_or_else(|| panic!("{what} is not among the events"))
    };
    let label = format!("LIVE-{new}");
    let labelled = position(
        "the label",
        &|event| matches!(event, EventKind::LabelAttached { label: it, .. } if *it == label),
    );
    let issued = position(
        "the credential",
        &|event| matches!(event, EventKind::CredentialIssued { credential: it, .. } if *it == credential(&instance, &new)),
    );
    let shown = position("the config change", &|event| {
        matches!(event, EventKind::ConfigChanged { .. })
    });
    let scheduled = position("the schedule", &|event| {
        matches!(event, EventKind::ScheduleCreated { .. })
    });
    let promoted = position("the promotion", &|event| {
        matches!(event, EventKind::LabelAttached { label, version, .. }
            if label == "AWSCURRENT" && *version == new.as_str())
    });
    let order = [labelled, issued, shown, scheduled, promoted];
    assert!(order.is_sorted(), "{order:?}");
}
