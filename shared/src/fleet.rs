//! All secrets of a stack, looked at from outside: by their labels, tags and schedules alone.

mod survey;
mod waiting;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use survey::{Overview, Revocation, State, Survey};
pub use waiting::Waiting;

use crate::aws::AwsError;
use crate::deadline::{Deadline, retry};
use crate::ids::SecretArn;
use crate::secrets::{Listing, Secret, Secrets};

/// Lists the secrets, page by page, until `each` breaks it off. Those of the pages that came were given to
/// `each` if one does not.
///
/// # Errors
/// If AWS refuses or does not answer.
pub async fn list(
    secrets: &Secrets,
    listing: Listing<'_>,
    deadline: Deadline,
    mut each: impl FnMut(Vec<(SecretArn, Secret)>) -> ControlFlow<()>,
) -> Result<(), AwsError> {
    let mut page = None;
    loop {
        let (managed, next) = retry(deadline, || {
            secrets.managed(listing, page.clone(), deadline)
        })
        .await?;
        if each(managed).is_break() || next.is_none() {
            return Ok(());
        }
        page = next;
    }
}

/// Does something with each of so many things, eight of them at once, until the time is over. One that
/// fails keeps no other from it.
///
/// # Errors
/// One of those that there were.
pub(crate) async fn eight_at_once<E>(
    count: usize,
    deadline: Deadline,
    work: impl AsyncFn(usize) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let one_by_one = async || {
        let mut result = Ok(());
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                break;
            }
            let done = work(place).await;
            result = result.and(done);
            if deadline.left().is_zero() {
                break;
            }
        }
        result
    };
    let results: [_; 8] = tokio::join!(
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
        one_by_one(),
    )
    .into();
    results.into_iter().collect()
}
