//! What each function asks, in order: the requests that `shared/tests/library/steps/requests.rs` counts,
//! and what is left of them when a step is repeated.

use self::Op::{Ask, Close, From, Invoke, Mark, Open, Unless, When};
use self::Request::{
    CreateSchedule, GetSchedule, HerokuRead, HerokuWrite, PutEvents, Read, Service, Token,
    UpdateSchedule, Write,
};

#[cfg(test)]
#[path = "../../../shared/tests/library/steps/counts.rs"]
mod counts;

/// Heroku's two partner APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    V1,
    V3,
}

impl Api {
    /// As documents name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V3 => "v3",
        }
    }

    /// [`TOKEN`] for the one that needs none.
    pub(crate) fn token(self) -> Flag {
        match self {
            Self::V1 => TOKEN,
            Self::V3 => 0,
        }
    }
}

/// A request of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `DescribeSecret` or `GetSecretValue`.
    Read,
    /// `PutSecretValue`, `UpdateSecretVersionStage` or `TagResource`.
    Write,
    /// `CreateSchedule`.
    CreateSchedule,
    /// `UpdateSchedule`.
    UpdateSchedule,
    /// `GetSchedule`.
    GetSchedule,
    /// `PutEvents`: an event for others.
    PutEvents,
    /// An access token, from Heroku.
    Token,
    /// A look at Heroku's config.
    HerokuRead,
    /// A write of Heroku's config.
    HerokuWrite,
    /// The add-on's own service.
    Service,
}

/// The functions of the stack that take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// What Secrets Manager calls.
    Rotate,
    /// createSecret's.
    CreateSecret,
    /// setSecret's.
    PublishToHeroku,
    /// testSecret's.
    TestSecret,
    /// finishSecret's.
    FinishSecret,
    /// The delayed revocation.
    RevokeSecret,
}

impl Function {
    /// How many there are.
    pub(crate) const COUNT: usize = 6;

    /// One of `0..COUNT`.
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// What is done already: of the instance, or ([`TOKEN`]) of the invocation.
pub(crate) type Flag = u8;
/// The new value is stored.
pub(crate) const VALUE: Flag = 1;
/// The current version has its `LIVE-` label: it is not an imported one.
pub(crate) const LABELLED: Flag = 2;
/// Heroku shows the new credential.
pub(crate) const SHOWN: Flag = 4;
/// The revocation has its schedule.
pub(crate) const SCHEDULED: Flag = 8;
/// The invocation has an access token.
pub(crate) const TOKEN: Flag = 16;

/// What a function does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A request.
    Ask(Request),
    /// Another function, whose answer is waited for.
    Invoke(Function),
    /// Something is done.
    Mark(Flag),
    /// The next so many only if it is not done.
    Unless(Flag, u8),
    /// The next so many only if it is done.
    When(Flag, u8),
    /// What follows is repeated from here by the library's `retry`, when a request in it fails.
    Open,
    /// It is repeated from here on now: a refused write does not begin with the look again.
    From,
    /// The end of that.
    Close,
}

/// Secrets Manager's four steps.
pub(crate) const STEPS: usize = 4;

/// `rotate`'s part of a step, 0 to 3.
pub(crate) fn rotate(step: usize) -> &'static [Op] {
    match step {
        0 => &[
            Ask(Read),
            When(VALUE, 1),
            Ask(Read),
            Unless(VALUE, 3),
            Ask(Read),
            Ask(Write),
            Mark(VALUE),
            Invoke(Function::CreateSecret),
            // The tag that says what was seen to log in, and the label.
            Unless(LABELLED, 4),
            Ask(Write),
            Ask(Read),
            Ask(Write),
            Mark(LABELLED),
        ],
        1 => &[Ask(Read), Invoke(Function::PublishToHeroku)],
        2 => &[Ask(Read), Invoke(Function::TestSecret)],
        _ => &[
            Ask(Read),
            Invoke(Function::FinishSecret),
            Ask(Write),
            Ask(PutEvents),
        ],
    }
}

/// What a called function does. test-secret asks the service besides, at the same time, which takes
/// nobody's quota and is over sooner.
pub(crate) fn called(function: Function) -> &'static [Op] {
    match function {
        Function::Rotate => &[],
        Function::CreateSecret => &[
            Ask(Read),
            Ask(Read),
            Ask(Read),
            Ask(Service),
            Ask(Service),
            Ask(Service),
        ],
        Function::PublishToHeroku => &[
            Ask(Read),
            Ask(Read),
            Open,
            Unless(TOKEN, 3),
            Ask(Read),
            Ask(Token),
            Mark(TOKEN),
            Ask(HerokuRead),
            Unless(SHOWN, 3),
            From,
            Ask(HerokuWrite),
            Mark(SHOWN),
            Close,
        ],
        Function::TestSecret => &[
            Ask(Read),
            Ask(Read),
            Open,
            Unless(TOKEN, 3),
            Ask(Read),
            Ask(Token),
            Mark(TOKEN),
            Ask(HerokuRead),
            Close,
        ],
        // A schedule that an earlier attempt made is moved.
        Function::FinishSecret => &[
            Ask(CreateSchedule),
            When(SCHEDULED, 1),
            Ask(UpdateSchedule),
            Mark(SCHEDULED),
        ],
        Function::RevokeSecret => &[
            Ask(Read),
            Ask(GetSchedule),
            Ask(Read),
            Ask(Read),
            Ask(Read),
            Open,
            Unless(TOKEN, 3),
            Ask(Read),
            Ask(Token),
            Mark(TOKEN),
            Ask(HerokuRead),
            Close,
            Ask(Read),
            Ask(Service),
            Ask(Service),
            Ask(Service),
            Ask(Service),
            Ask(Write),
            Ask(PutEvents),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests to AWS, invocations counted, and to Heroku, when nothing goes wrong.
    fn count(ops: &[Op], done: &mut Flag, api: Api) -> counts::Requests {
        let (mut aws, mut heroku, mut at) = (0, 0, 0);
        while at < ops.len() {
            match ops[at] {
                Ask(Token | HerokuRead | HerokuWrite) => heroku += 1,
                Ask(Service) | Open | From | Close => {}
                Ask(_) => aws += 1,
                Invoke(function) => {
                    *done = *done & !TOKEN | api.token();
                    let inner = count(called(function), done, api);
                    (aws, heroku) = (aws + 1 + inner.0, heroku + inner.1);
                }
                Mark(flag) => *done |= flag,
                Unless(flag, many) if *done & flag != 0 => at += usize::from(many),
                When(flag, many) if *done & flag == 0 => at += usize::from(many),
                Unless(..) | When(..) => {}
            }
            at += 1;
        }
        (aws, heroku)
    }

    #[test]
    fn a_clean_rotation_asks_what_the_librarys_tests_count() {
        for (api, expected) in [(Api::V1, counts::V1), (Api::V3, counts::V3)] {
            for first in [true, false] {
                let mut done = if first { 0 } else { LABELLED };
                let mut seen: Vec<_> = (0..STEPS)
                    .map(|step| count(rotate(step), &mut done, api))
                    .collect();
                done = api.token();
                seen.push(count(called(Function::RevokeSecret), &mut done, api));
                let mut expected = expected;
                if first {
                    expected[0] = counts::FIRST_CREATE;
                }
                assert_eq!(seen, expected, "{api:?}");
            }
        }
    }

    #[test]
    fn a_repeated_rotation_writes_nothing_twice() {
        let mut done = LABELLED;
        for step in 0..3 {
            count(rotate(step), &mut done, Api::V1);
        }
        // Its value is read, not made and stored; Heroku is looked at once.
        assert_eq!(count(rotate(0), &mut done, Api::V1), (6, 0));
        assert_eq!(count(rotate(1), &mut done, Api::V1), (4, 1));
    }
}
