//! What a function asked and was answered, so that it can be answered again at once.

use axum::body::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

/// Whom a request is for in production: each has an address of its own there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Host {
    /// AWS Secrets Manager.
    #[serde(rename = "secretsmanager")]
    SecretsManager,
    /// Amazon `EventBridge` Scheduler.
    #[serde(rename = "scheduler")]
    Scheduler,
    /// Amazon `EventBridge`.
    #[serde(rename = "events")]
    Events,
    /// AWS Lambda.
    #[serde(rename = "lambda")]
    Lambda,
    /// Heroku's API.
    #[serde(rename = "api.heroku.com")]
    HerokuApi,
    /// Heroku's tokens.
    #[serde(rename = "id.heroku.com")]
    HerokuId,
    /// The partner's own service.
    #[serde(rename = "service")]
    Service,
}

impl Host {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Scheduler => "scheduler",
            Self::Events => "events",
            Self::Lambda => "lambda",
            Self::HerokuApi => "api.heroku.com",
            Self::HerokuId => "id.heroku.com",
            Self::Service => "service",
        }
    }

    pub(crate) fn is_aws(self) -> bool {
        match self {
            Self::SecretsManager | Self::Scheduler | Self::Events | Self::Lambda => true,
            Self::HerokuApi | Self::HerokuId | Self::Service => false,
        }
    }

    pub(crate) fn is_heroku(self) -> bool {
        matches!(self, Self::HerokuApi | Self::HerokuId)
    }
}

/// What tells a request from the others of the same function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) host: Host,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Secrets Manager's operation, with the secret and the version that it is about.
    pub(crate) subject: Option<String>,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The requests of one invocation, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape(pub(crate) Vec<(Question, Answer)>);

impl Tape {
    /// The hosts that were asked, each with the number of its requests.
    pub(crate) fn requests(&self) -> std::collections::BTreeMap<Host, usize> {
        let mut requests = std::collections::BTreeMap::new();
        for (question, _) in &self.0 {
            *requests.entry(question.host).or_default() += 1;
        }
        requests
    }
}

/// A tape that is played: each answer once.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    tape: Tape,
    used: Vec<bool>,
    /// What was asked that is not on the tape.
    strange: Vec<Question>,
    is_cold: bool,
}

impl Playback {
    /// `is_cold` if the function has no connection yet.
    pub(crate) fn new(tape: Tape, is_cold: bool) -> Self {
        Self {
            used: vec![false; tape.0.len()],
            strange: Vec::new(),
            tape,
            is_cold,
        }
    }

    /// The answer, and whether the connection ends with it: AWS's services share an address here, and
    /// in production each needs a connection of its own.
    pub(crate) fn answer(&mut self, question: &Question) -> Option<(Answer, bool)> {
        let mut entries = self.tape.0.iter().zip(&self.used);
        let found = entries.position(|((known, _), used)| !used && known == question);
        let Some(index) = found else {
            self.strange.push(question.clone());
            return None;
        };
        self.used[index] = true;
        let answer = self.tape.0[index].1.clone();
        Some((answer, self.is_cold && self.is_last_before_another(index)))
    }

    fn is_last_before_another(&self, index: usize) -> bool {
        let Some((next, _)) = self.tape.0.get(index + 1) else {
            return false;
        };
        let (this, _) = &self.tape.0[index];
        let mut before = self.tape.0[..=index].iter();
        this.host.is_aws() && next.host.is_aws() && before.all(|(it, _)| it.host != next.host)
    }

    /// What was asked and is not on the tape, and what is on it and was not asked.
    pub(crate) fn differences(&self) -> Vec<String> {
        let describe = |what: &str, question: &Question| {
            let Question {
                host,
                method,
                path,
                subject,
            } = question;
            let subject = subject.as_deref().unwrap_or_default();
            format!("{what} {} {method} {path} {subject}", host.name())
        };
        let unused = self.tape.0.iter().zip(&self.used);
        let unused = unused.filter(|(_, used)| !**used);
        self.strange
            .iter()
            .map(|question| describe("asked for the first time:", question))
            .chain(unused.map(|((question, _), _)| describe("not asked:", question)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(host: Host, path: &str) -> Question {
        Question {
            host,
            method: Method::GET,
            path: path.to_owned(),
            subject: None,
        }
    }

    fn tape(questions: &[(Host, &str)]) -> Tape {
        let entry = |(number, (host, path)): (usize, &(Host, &str))| {
            let answer = Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: Bytes::from(number.to_string()),
            };
            (question(*host, path), answer)
        };
        Tape(questions.iter().enumerate().map(entry).collect())
    }

    #[test]
    fn each_answer_is_given_once_in_order() {
        let service = Host::Service;
        let tape = tape(&[(service, "/a"), (service, "/b"), (service, "/a")]);
        assert_eq!(tape.requests()[&service], 3);
        let mut playback = Playback::new(tape, true);
        for (path, body) in [("/a", "0"), ("/a", "2"), ("/b", "1")] {
            let (answer, _) = playback.answer(&question(service, path)).unwrap();
            assert_eq!(answer.body, body);
        }
        assert!(playback.differences().is_empty());
        assert!(playback.answer(&question(service, "/a")).is_none());
        assert_eq!(playback.differences().len(), 1);
    }

    #[test]
    fn what_is_not_asked_is_a_difference() {
        let playback = Playback::new(tape(&[(Host::Service, "/a")]), true);
        assert_eq!(playback.differences(), ["not asked: service GET /a "]);
    }

    #[test]
    fn each_of_awss_services_has_a_connection_of_its_own_at_the_first_time() {
        let asked = [
            (Host::SecretsManager, "/1"),
            (Host::SecretsManager, "/2"),
            (Host::Lambda, "/3"),
            (Host::SecretsManager, "/4"),
            (Host::HerokuApi, "/5"),
            (Host::Scheduler, "/6"),
        ];
        for (is_cold, expected) in [
            (true, [false, true, false, false, false, false]),
            (false, [false; 6]),
        ] {
            let mut playback = Playback::new(tape(&asked), is_cold);
            let ends = asked.map(|(host, path)| playback.answer(&question(host, path)).unwrap().1);
            assert_eq!(ends, expected);
        }
    }
}
