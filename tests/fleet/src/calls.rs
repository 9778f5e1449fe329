//! What each function asks, in order: the requests that `shared/tests/library/steps/requests.rs` counts,
//! and what is left of them when a step is repeated.

use self::Op::{Ask, Invoke};
use self::Request::{
    CreateSchedule, GetItem, GetSchedule, HerokuRead, HerokuWrite, PutEvents, Read, Service, Token,
    UpdateSchedule, Write,
};

#[cfg(test)]
#[path = "../../../shared/tests/library/steps/counts.rs"]
mod counts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    V1,
    V3,
}

impl Api {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `DescribeSecret` or `GetSecretValue`.
    Read,
    /// `PutSecretValue`, `UpdateSecretVersionStage` or `TagResource`.
    Write,
    GetItem,
    CreateSchedule,
    UpdateSchedule,
    GetSchedule,
    PutEvents,
    /// An access token, from Heroku.
    Token,
    HerokuRead,
    HerokuWrite,
    /// Of the add-on's own service.
    Service,
}

/// The functions of the stack that take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Rotate,
    CreateSecret,
    PublishToHeroku,
    TestSecret,
    FinishSecret,
    RevokeSecret,
}

impl Function {
    pub(crate) const COUNT: usize = 6;
}

/// What is done already: of the instance, or ([`TOKEN`]) of the invocation.
pub(crate) type Flag = u8;
/// The new value is stored.
const VALUE: Flag = 1;
/// The current version has its `LIVE-` label: it is not an imported one.
pub(crate) const LABELLED: Flag = 2;
/// Heroku shows the new credential.
const SHOWN: Flag = 4;
/// The revocation has its schedule.
const SCHEDULED: Flag = 8;
/// The invocation has an access token.
pub(crate) const TOKEN: Flag = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Ask(Request),
    /// Another function, whose answer is waited for.
    Invoke(Function),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) op: Op,
    unless: Flag,
    when: Flag,
    pub(crate) does: Flag,
    /// The place from which the library's `retry` repeats it when it fails.
    pub(crate) again: Option<usize>,
}

impl Call {
    const fn of(op: Op) -> Self {
        Self {
            op,
            unless: 0,
            when: 0,
            does: 0,
            again: None,
        }
    }

    const fn unless(self, unless: Flag) -> Self {
        Self { unless, ..self }
    }

    const fn when(self, when: Flag) -> Self {
        Self { when, ..self }
    }

    const fn does(self, does: Flag) -> Self {
        Self { does, ..self }
    }

    const fn again_from(self, place: usize) -> Self {
        let again = Some(place);
        Self { again, ..self }
    }

    pub(crate) fn is_due(&self, done: Flag) -> bool {
        done & self.unless == 0 && done & self.when == self.when
    }
}

const fn ask(request: Request) -> Call {
    Call::of(Ask(request))
}

const fn invoke(function: Function) -> Call {
    Call::of(Invoke(function))
}

pub(crate) const STEPS: [&[Call]; 4] = [
    &[
        ask(Read),
        ask(Read).when(VALUE),
        ask(Read).unless(VALUE),
        ask(Write).unless(VALUE).does(VALUE),
        invoke(Function::CreateSecret),
        // The tag that says what was seen to log in, and the label.
        ask(Write).unless(LABELLED),
        ask(Read).unless(LABELLED),
        ask(Write).unless(LABELLED).does(LABELLED),
    ],
    &[ask(Read), invoke(Function::PublishToHeroku)],
    &[ask(Read), invoke(Function::TestSecret)],
    &[
        ask(Read),
        invoke(Function::FinishSecret).does(SCHEDULED),
        ask(Write),
        ask(PutEvents),
    ],
];

const CREATE: &[Call] = &[
    ask(Read),
    ask(Read),
    ask(Read),
    ask(Service),
    ask(Service),
    ask(Service),
];

const PUBLISH: &[Call] = &[
    ask(Read),
    ask(Read),
    ask(GetItem).unless(TOKEN).again_from(2),
    ask(Token).unless(TOKEN).again_from(2).does(TOKEN),
    ask(HerokuRead).again_from(2),
    // A refused write does not begin with the look again.
    ask(HerokuWrite).unless(SHOWN).again_from(5).does(SHOWN),
];

/// It asks the service besides, at the same time, which takes nobody's quota and is over sooner.
const TEST: &[Call] = &[
    ask(Read),
    ask(Read),
    ask(GetItem).unless(TOKEN).again_from(2),
    ask(Token).unless(TOKEN).again_from(2).does(TOKEN),
    ask(HerokuRead).again_from(2),
];

/// A schedule that an earlier attempt made is moved.
const FINISH: &[Call] = &[ask(CreateSchedule), ask(UpdateSchedule).when(SCHEDULED)];

const REVOKE: &[Call] = &[
    ask(Read),
    ask(GetSchedule),
    ask(Read),
    ask(Read),
    ask(Read),
    ask(GetItem).unless(TOKEN).again_from(5),
    ask(Token).unless(TOKEN).again_from(5).does(TOKEN),
    ask(HerokuRead).again_from(5),
    ask(Read),
    ask(Service),
    ask(Service),
    ask(Service),
    ask(Service),
    ask(Write),
    ask(PutEvents),
];

/// What has a revocation that failed tried again.
pub(crate) const POSTPONE: &[Call] = &[ask(CreateSchedule)];

pub(crate) fn called(function: Function) -> &'static [Call] {
    match function {
        Function::Rotate => &[],
        Function::CreateSecret => CREATE,
        Function::PublishToHeroku => PUBLISH,
        Function::TestSecret => TEST,
        Function::FinishSecret => FINISH,
        Function::RevokeSecret => REVOKE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests to AWS, invocations counted, and to Heroku, when nothing goes wrong.
    fn count(calls: &[Call], done: &mut Flag, api: Api) -> counts::Requests {
        let (mut aws, mut heroku) = (0, 0);
        for call in calls {
            if !call.is_due(*done) {
                continue;
            }
            match call.op {
                Ask(Token | HerokuRead | HerokuWrite) => heroku += 1,
                Ask(Service) => {}
                Ask(_) => aws += 1,
                Invoke(function) => {
                    *done = *done & !TOKEN | api.token();
                    let inner = count(called(function), done, api);
                    (aws, heroku) = (aws + 1 + inner.0, heroku + inner.1);
                }
            }
            *done |= call.does;
        }
        (aws, heroku)
    }

    #[test]
    fn a_clean_rotation_asks_what_the_librarys_tests_count() {
        for (api, expected) in [(Api::V1, counts::V1), (Api::V3, counts::V3)] {
            for first in [true, false] {
                let mut done = if first { 0 } else { LABELLED };
                let mut seen: Vec<_> = STEPS.map(|step| count(step, &mut done, api)).into();
                done = api.token();
                seen.push(count(REVOKE, &mut done, api));
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
        for step in &STEPS[..3] {
            count(step, &mut done, Api::V1);
        }
        // Its value is read, not made and stored; Heroku is looked at once.
        assert_eq!(count(STEPS[0], &mut done, Api::V1), (6, 0));
        assert_eq!(count(STEPS[1], &mut done, Api::V1), (4, 1));
    }
}
