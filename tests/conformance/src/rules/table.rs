//! The table of rules.

use std::future::ready;

use super::{Rule, identity, registration, revocation, throughout, verification};

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

/// All rules. A later one may build upon an earlier one; those about all answers are last.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "get-unknown",
        title: "GET of an id that was never registered is refused",
        contract: &[at!(get "404")],
        needs: &[],
        judge: |service| Box::pin(verification::unknown(service)),
    },
    Rule {
        name: "put-new",
        title: "PUT registers a credential",
        contract: &[at!(put "201")],
        needs: &[],
        judge: |service| Box::pin(registration::new(service)),
    },
    Rule {
        name: "get-accepted",
        title: "a registered credential is accepted at once",
        contract: &[at!(get "200")],
        needs: &["put-new"],
        judge: |service| Box::pin(verification::accepted(service)),
    },
    Rule {
        name: "put-again",
        title: "PUT of the same again changes nothing",
        contract: &[at!(put "200")],
        needs: &["put-new", "get-accepted"],
        judge: |service| Box::pin(registration::again(service)),
    },
    Rule {
        name: "put-other-fields",
        title: "PUT of other fields under the same id is refused, and changes nothing",
        contract: &[at!(put "409")],
        needs: &["put-new", "get-accepted"],
        judge: |service| Box::pin(registration::other_fields(service)),
    },
    Rule {
        name: "put-bad-body",
        title: "PUT of a body that is no object of the fields is refused, and changes nothing",
        contract: &[at!(put "400")],
        needs: &["put-new"],
        judge: |service| Box::pin(registration::bad_body(service)),
    },
    Rule {
        name: "put-wrong-token",
        title: "PUT with a wrong token is refused, and changes nothing",
        contract: &[at!(put "401")],
        needs: &[],
        judge: |service| Box::pin(registration::wrong_token(service)),
    },
    Rule {
        name: "put-no-token",
        title: "PUT without a token is refused, and changes nothing",
        contract: &[at!(put "401")],
        needs: &[],
        judge: |service| Box::pin(registration::no_token(service)),
    },
    Rule {
        name: "two-at-once",
        title: "two credentials are accepted at the same time",
        contract: &[at!(put "201"), at!(get "200")],
        needs: &["put-new", "get-accepted"],
        judge: |service| Box::pin(registration::two(service)),
    },
    Rule {
        name: "get-wrong-key",
        title: "GET with a key of nobody's, or the administrator's token, is refused",
        contract: &[at!(get "401")],
        needs: &["put-new"],
        judge: |service| Box::pin(verification::wrong_key(service)),
    },
    Rule {
        name: "get-no-key",
        title: "GET without a key is refused",
        contract: &[at!(get "401")],
        needs: &["put-new"],
        judge: |service| Box::pin(verification::no_key(service)),
    },
    Rule {
        name: "get-others-key",
        title: "GET with another credential's key is refused",
        contract: &[at!(get "401")],
        needs: &["put-new"],
        judge: |service| Box::pin(verification::others_key(service)),
    },
    Rule {
        name: "delete-wrong-token",
        title: "DELETE with a wrong token is refused, and changes nothing",
        contract: &[at!(delete "401")],
        needs: &["put-new", "get-accepted"],
        judge: |service| Box::pin(revocation::wrong_token(service)),
    },
    Rule {
        name: "delete-no-token",
        title: "DELETE without a token is refused, and changes nothing",
        contract: &[at!(delete "401")],
        needs: &["put-new", "get-accepted"],
        judge: |service| Box::pin(revocation::no_token(service)),
    },
    Rule {
        name: "customer-only-gets",
        title: "PUT and DELETE with a customer's key are refused",
        contract: &[at!(put "401"), at!(delete "401")],
        needs: &["put-new", "get-accepted"],
        judge: |service| Box::pin(registration::by_customer(service)),
    },
    Rule {
        name: "delete-unknown",
        title: "DELETE of an id that was never registered succeeds or is answered 404",
        contract: &[at!(delete "404")],
        needs: &[],
        judge: |service| Box::pin(revocation::unknown(service)),
    },
    Rule {
        name: "delete",
        title: "DELETE revokes a credential",
        contract: &[at!(delete "204")],
        needs: &["put-new"],
        judge: |service| Box::pin(revocation::live(service)),
    },
    Rule {
        name: "get-revoked",
        title: "a revoked credential is refused at once",
        contract: &[at!(get "404")],
        needs: &["get-accepted", "delete"],
        judge: |service| Box::pin(revocation::refused(service)),
    },
    Rule {
        name: "delete-again",
        title: "DELETE again succeeds or is answered 404",
        contract: &[at!(delete "404")],
        needs: &["delete"],
        judge: |service| Box::pin(revocation::again(service)),
    },
    Rule {
        name: "delete-one",
        title: "DELETE of one credential leaves the others accepted",
        contract: &[at!(delete "204")],
        needs: &["two-at-once", "delete"],
        judge: |service| Box::pin(revocation::others(service)),
    },
    Rule {
        name: "longest-id",
        title: "an id of 128 characters is taken whole",
        contract: &["components.parameters.Id", at!(put "201")],
        needs: &["put-new", "get-accepted"],
        judge: |service| Box::pin(identity::longest(service)),
    },
    Rule {
        name: "encoded-id",
        title: "an id is the same when its characters are percent-encoded",
        contract: &[
            "components.parameters.Id",
            at!(get "200"),
            at!(delete "204"),
        ],
        needs: &["put-new", "get-accepted", "get-revoked"],
        judge: |service| Box::pin(identity::encoded(service)),
    },
    Rule {
        name: "outside-id",
        title: "an id outside the pattern is not taken for another, and is no fault",
        contract: &[
            "components.parameters.Id",
            at!(put "default"),
            at!(get "default"),
            at!(delete "default"),
        ],
        needs: &["put-new", "get-accepted", "delete"],
        judge: |service| Box::pin(identity::outside(service)),
    },
    Rule {
        name: "https",
        title: "nothing is served over plain HTTP, loopback excepted",
        contract: &["info.description"],
        needs: &[],
        judge: |service| Box::pin(throughout::https(service)),
    },
    Rule {
        name: "in-time",
        title: "every request is answered, within 15 seconds",
        contract: &[
            "info.description",
            at!(put "default"),
            at!(get "default"),
            at!(delete "default"),
        ],
        needs: &[],
        judge: |service| Box::pin(ready(throughout::in_time(service))),
    },
    Rule {
        name: "no-redirect",
        title: "no answer is a redirect",
        contract: &[
            "info.description",
            at!(put "default"),
            at!(get "default"),
            at!(delete "default"),
        ],
        needs: &[],
        judge: |service| Box::pin(ready(throughout::no_redirect(service))),
    },
    Rule {
        name: "bounded",
        title: "no answer is larger than 1 MiB",
        contract: &[
            "info.description",
            at!(put "default"),
            at!(get "default"),
            at!(delete "default"),
        ],
        needs: &[],
        judge: |service| Box::pin(ready(throughout::bounded(service))),
    },
    Rule {
        name: "form",
        title: "every documented answer has its documented form",
        contract: &[
            "components.schemas.Registered",
            "components.schemas.Verified",
            "components.schemas.Error",
        ],
        needs: &[],
        judge: |service| Box::pin(ready(throughout::form(service))),
    },
    Rule {
        name: "retry-after",
        title: "Retry-After is in seconds where an answer says to try again",
        contract: &[
            at!(put "default"),
            at!(get "default"),
            at!(delete "default"),
        ],
        needs: &[],
        judge: |service| Box::pin(ready(throughout::retry_after(service))),
    },
    Rule {
        name: "no-echo",
        title: "no answer holds a token, a key or a field of a credential",
        contract: &[
            "info.description",
            "components.schemas.Error.properties.message",
        ],
        needs: &[],
        judge: |service| Box::pin(ready(throughout::no_echo(service))),
    },
];
