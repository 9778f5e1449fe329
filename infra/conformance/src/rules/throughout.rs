//! What holds for every answer, judged when all have come.

use super::{Failure, Judged, Stop};
use crate::service::{
    Answers, BOUNDED, FORM, IN_TIME, NO_ECHO, NO_REDIRECT, RETRY_AFTER_SECONDS, Service,
};

/// Plain HTTP at the same place. A redirect from there, as browsers are given, is none of the
/// engine's concern.
pub(super) async fn https(service: &Service) -> Judged {
    if service.stop.is_cancelled() {
        return Err(Stop::Interrupted);
    }
    if service.url().scheme() == "http" {
        let seen = "the address is loopback, where plain HTTP is allowed";
        return Ok(Some(seen.to_owned()));
    }
    // Its absence the same path would tell of as well where there is no such service.
    let credential = service.registered().await?;
    match service.plain(&credential.id).await {
        Some(status @ (200..300 | 401)) => Err(Stop::Fails(Failure {
            seen: format!("a GET over plain HTTP was answered {status}"),
            change:
                "Serve HTTPS only: a token that is sent over plain HTTP is shown to the network."
                    .to_owned(),
            at: "info.description".to_owned(),
        })),
        Some(status) => Ok(Some(format!("plain HTTP was answered {status}"))),
        None => Ok(Some("plain HTTP had no answer".to_owned())),
    }
}

pub(super) fn in_time(service: &Service) -> Judged {
    judge(service, IN_TIME, |answers| {
        let slowest = answers.slowest.map(|(took, operation)| {
            format!(
                ", the slowest after {} ms ({})",
                took.as_millis(),
                operation.method()
            )
        });
        format!("{} answers{}", answers.count, slowest.unwrap_or_default())
    })
}

pub(super) fn no_redirect(service: &Service) -> Judged {
    judge(service, NO_REDIRECT, |answers| {
        format!("no redirect in {} answers", answers.count)
    })
}

pub(super) fn bounded(service: &Service) -> Judged {
    judge(service, BOUNDED, |answers| {
        format!("all {} answers below 1 MiB", answers.count)
    })
}

pub(super) fn form(service: &Service) -> Judged {
    judge(service, FORM, |answers| {
        let documented = answers.shown.iter().filter(|it| !it.ends_with("default"));
        format!(
            "{} of the contract's responses were met",
            documented.count()
        )
    })
}

pub(super) fn retry_after(service: &Service) -> Judged {
    judge(service, RETRY_AFTER_SECONDS, |answers| match answers.busy {
        0 => "no answer was 429 or 5xx".to_owned(),
        busy => format!("{busy} answers of 429 or 5xx, tried again"),
    })
}

pub(super) fn no_echo(service: &Service) -> Judged {
    judge(service, NO_ECHO, |answers| {
        format!("no token, key or field in {} answers", answers.count)
    })
}

fn judge(service: &Service, rule: &str, holds: impl Fn(&Answers) -> String) -> Judged {
    if service.stop.is_cancelled() {
        return Err(Stop::Interrupted);
    }
    let answers = service.answers();
    match answers.finding(rule) {
        None => Ok(Some(holds(&answers))),
        Some((first, 1)) => Err(Stop::Fails(first.clone())),
        Some((first, count)) => Err(Stop::Fails(Failure {
            seen: format!("{} (and {} more)", first.seen, count - 1),
            ..first.clone()
        })),
    }
}
