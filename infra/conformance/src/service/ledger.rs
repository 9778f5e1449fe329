//! What was registered, and its revocation at the end.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::{Credential, Login, Operation, Service};

/// The credentials that were sent to the service, by id.
#[derive(Default)]
pub(super) struct Ledger(BTreeMap<String, Entry>);

#[derive(Clone, Default)]
struct Entry {
    /// The customers' headers of every set of fields that was sent.
    headers: Vec<SecretString>,
    /// How many registrations had no answer, and may yet take effect.
    unanswered: usize,
    /// Whether one was answered as if it had succeeded, or may have.
    may_be: bool,
}

impl Ledger {
    /// Before the request leaves: whatever becomes of it, it may have taken effect.
    pub(super) fn registering(&mut self, credential: &Credential) {
        let entry = self.0.entry(credential.id.clone()).or_default();
        entry.headers.push(credential.authorization.clone());
        entry.unanswered += 1;
    }

    pub(super) fn answered(&mut self, id: &str, status: u16) {
        if let Some(entry) = self.0.get_mut(id) {
            entry.unanswered -= 1;
            entry.may_be |= !matches!(status, 400..500);
        }
    }
}

impl Service {
    /// Revokes everything that was sent to the service, and looks whether it is refused. Returns
    /// what could not be revoked: the id, and why.
    pub(crate) async fn clean_up(&self) -> Vec<(String, String)> {
        let mut left = Vec::new();
        loop {
            // Taken out only when it is done: what is reported after an interruption is what remains.
            let first = self
                .book()
                .ledger
                .0
                .first_key_value()
                .map(|(id, it)| (id.clone(), it.clone()));
            let Some((id, entry)) = first else {
                return left;
            };
            if let Err(reason) = self.end(&id, &entry).await {
                left.push((id.clone(), reason));
            }
            self.book().ledger.0.remove(&id);
        }
    }

    /// The ids that no clean-up has reached.
    pub(crate) fn not_reached(&self) -> Vec<String> {
        self.book().ledger.0.keys().cloned().collect()
    }

    async fn end(&self, id: &str, entry: &Entry) -> Result<(), String> {
        let ended = self
            .quietly(Operation::Delete, id, &Login::Administrator)
            .await;
        let is_ended = matches!(ended, Ok(200..300 | 404 | 410));
        let reported = match ended {
            Ok(404) if entry.unanswered > 0 => {
                return Err("its registration had no answer, and its revocation found nothing: it may take effect yet".to_owned());
            }
            Ok(status) => format!("DELETE was answered {status}"),
            Err(reason) => reason,
        };
        if (entry.may_be || entry.unanswered > 0) && !is_ended {
            return Err(reported);
        }
        if self.book().is_silent(Operation::Get) {
            return Ok(());
        }
        for header in &entry.headers {
            let login = Login::Header(header);
            let status = self.quietly(Operation::Get, id, &login).await;
            if status.is_ok_and(|status| matches!(status, 200..300)) {
                return Err(format!("{reported}, and GET says that it is accepted"));
            }
        }
        Ok(())
    }
}
