//! The table of rules.

use std::future::ready;

use super::{Rule, Service, identity, registration, revocation, throughout, verification};

/// Where the contract has a response.
macro_rules! at {
    ($operation:ident $status:literal) => {
        concat!(
            "paths./credentials/{id}.",
            stringify!($operation),
            ".responses.",
            $status
        )
    };
}

/// Name and title; what the contract says of it; the rules that it builds upon, and what judges it.
macro_rules! rules {
    ($($name:literal: $title:literal, [$($contract:expr),*], after [$($needs:literal),*] => $judge:expr;)*) => {
        &[$(Rule {
            name: $name,
            title: $title,
            contract: &[$($contract),*],
            needs: &[$($needs),*],
            judge: |service: &Service| Box::pin($judge(service)),
        }),*]
    };
}

/// All rules. A later one may build upon an earlier one; those about all answers are last.
pub(crate) const RULES: &[Rule] = rules! {
    "get-unknown": "GET of an id that was never registered is refused",
        [at!(get "404")], after [] => verification::unknown;
    "put-new": "PUT registers a credential",
        [at!(put "201")], after [] => registration::new;
    "get-accepted": "a registered credential is accepted at once",
        [at!(get "200")], after ["put-new"] => verification::accepted;
    "put-again": "PUT of the same again changes nothing",
        [at!(put "200")], after ["put-new", "get-accepted"] => registration::again;
    "put-other-fields": "PUT of other fields under the same id is refused, and changes nothing",
        [at!(put "409")], after ["put-new", "get-accepted"] => registration::other_fields;
    "put-bad-body": "PUT of a body that is no object of the fields is refused, and changes nothing",
        [at!(put "400")], after ["put-new"] => registration::bad_body;
    "put-wrong-token": "PUT with a wrong token is refused, and changes nothing",
        [at!(put "401")], after [] => registration::wrong_token;
    "put-no-token": "PUT without a token is refused, and changes nothing",
        [at!(put "401")], after [] => registration::no_token;
    "two-at-once": "two credentials are accepted at the same time",
        [at!(put "201"), at!(get "200")], after ["put-new", "get-accepted"] => registration::two;
    "get-wrong-key": "GET with a key of nobody's, or the administrator's token, is refused",
        [at!(get "401")], after ["put-new"] => verification::wrong_key;
    "get-no-key": "GET without a key is refused",
        [at!(get "401")], after ["put-new"] => verification::no_key;
    "get-others-key": "GET with another credential's key is refused",
        [at!(get "401")], after ["put-new"] => verification::others_key;
    "delete-wrong-token": "DELETE with a wrong token is refused, and changes nothing",
        [at!(delete "401")], after ["put-new", "get-accepted"] => revocation::wrong_token;
    "delete-no-token": "DELETE without a token is refused, and changes nothing",
        [at!(delete "401")], after ["put-new", "get-accepted"] => revocation::no_token;
    "customer-only-gets": "PUT and DELETE with a customer's key are refused",
        [at!(put "401"), at!(delete "401")], after ["put-new", "get-accepted"] => registration::by_customer;
    "delete-unknown": "DELETE of an id that was never registered succeeds or is answered 404",
        [at!(delete "404")], after [] => revocation::unknown;
    "delete": "DELETE revokes a credential",
        [at!(delete "204")], after ["put-new"] => revocation::live;
    "get-revoked": "a revoked credential is refused at once",
        [at!(get "404")], after ["get-accepted", "delete"] => revocation::refused;
    "delete-again": "DELETE again succeeds or is answered 404",
        [at!(delete "404")], after ["delete"] => revocation::again;
    "delete-one": "DELETE of one credential leaves the others accepted",
        [at!(delete "204")], after ["two-at-once", "delete"] => revocation::others;
    "longest-id": "an id of 128 characters is taken whole",
        ["components.parameters.Id", at!(put "201")], after ["put-new", "get-accepted"] => identity::longest;
    "encoded-id": "an id is the same when its characters are percent-encoded",
        ["components.parameters.Id", at!(get "200"), at!(delete "204")],
        after ["put-new", "get-accepted", "get-revoked"] => identity::encoded;
    "outside-id": "an id outside the pattern is not taken for another, and is no fault",
        ["components.parameters.Id", at!(put "default"), at!(get "default"), at!(delete "default")],
        after ["put-new", "get-accepted", "delete"] => identity::outside;
    "https": "nothing is served over plain HTTP, loopback excepted",
        ["info.description"], after [] => throughout::https;
    "in-time": "every request is answered, within 15 seconds",
        ["info.description", at!(put "default"), at!(get "default"), at!(delete "default")],
        after [] => |it| ready(throughout::in_time(it));
    "no-redirect": "no answer is a redirect",
        ["info.description", at!(put "default"), at!(get "default"), at!(delete "default")],
        after [] => |it| ready(throughout::no_redirect(it));
    "bounded": "no answer is larger than 1 MiB",
        ["info.description", at!(put "default"), at!(get "default"), at!(delete "default")],
        after [] => |it| ready(throughout::bounded(it));
    "form": "every documented answer has its documented form",
        ["components.schemas.Registered", "components.schemas.Verified", "components.schemas.Error"],
        after [] => |it| ready(throughout::form(it));
    "retry-after": "Retry-After is in seconds where an answer says to try again",
        [at!(put "default"), at!(get "default"), at!(delete "default")],
        after [] => |it| ready(throughout::retry_after(it));
    "no-echo": "no answer holds a token, a key or a field of a credential",
        ["info.description", "components.schemas.Error.properties.message"],
        after [] => |it| ready(throughout::no_echo(it));
};
