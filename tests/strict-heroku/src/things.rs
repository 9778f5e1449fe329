//! The add-ons and apps of Heroku, and what an app sees of an add-on.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::dynos::{Deployed, Dyno};
use super::model::{Release, ShownNames};

/// Every add-on's.
pub(super) const PLAN: &str = "gold";

/// Changes of config vars: a value to set, none to remove.
pub(super) type Changes = BTreeMap<String, Option<String>>;

pub(super) struct Attachment {
    pub(super) app: String,
    pub(super) name: String,
}

pub(super) struct AddOn {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) heroku_id: String,
    pub(super) provider_id: String,
    pub(super) service: String,
    pub(super) owner_app: String,
    pub(super) is_gone: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) config: BTreeMap<String, String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) writes: usize,
}

impl AddOn {
    pub(super) fn config_with(&self, changes: &Changes) -> BTreeMap<String, String> {
        let mut config = self.config.clone();
        for (var, value) in changes {
            match value {
                Some(value) => config.insert(var.clone(), value.clone()),
                None => config.remove(var),
            };
        }
        config
    }

    /// The vars that `config` of this add-on gives an app: under the attachment's name, and on
    /// the app that owns the add-on under the manifest's as well.
    pub(super) fn shown_to(
        &self,
        app: &str,
        config: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let prefix = format!("{}_", env_prefix(&self.service));
        let mut shown = BTreeMap::new();
        for attachment in self.attachments.iter().filter(|it| it.app == app) {
            for (var, value) in config {
                let suffix = var.strip_prefix(&prefix).unwrap_or(var);
                shown.insert(format!("{}_{suffix}", attachment.name), value.clone());
            }
        }
        if self.owner_app == app {
            shown.extend(config.clone());
        }
        shown
    }

    /// What v1 shows as the add-on's config.
    pub(super) fn shown_by_v1(&self, names: ShownNames) -> BTreeMap<String, String> {
        if names == ShownNames::Manifest {
            return self.shown_to(&self.owner_app, &self.config);
        }
        self.shown(names)
    }

    /// What a partner is shown, by these names.
    pub(super) fn shown(&self, names: ShownNames) -> BTreeMap<String, String> {
        let prefix = format!("{}_", env_prefix(&self.service));
        let short = self.config.iter().map(|(var, value)| {
            let var = var.strip_prefix(&prefix).unwrap_or(var);
            (var.to_owned(), value.clone())
        });
        let mut attached = self.shown_to(&self.owner_app, &self.config);
        attached.retain(|var, _| !self.config.contains_key(var));
        match names {
            ShownNames::Manifest => self.config.clone(),
            ShownNames::LowerCaseWithoutPrefix => {
                short.map(|(var, it)| (var.to_lowercase(), it)).collect()
            }
            ShownNames::WithoutPrefixAndAttachment => short.chain(attached).collect(),
            ShownNames::Attachment => attached,
        }
    }

    pub(super) fn apps(&self) -> Vec<String> {
        let mut apps = vec![self.owner_app.clone()];
        for attachment in &self.attachments {
            if !apps.contains(&attachment.app) {
                apps.push(attachment.app.clone());
            }
        }
        apps
    }
}

pub(super) struct App {
    pub(super) id: String,
    pub(super) releases: Vec<Release>,
    pub(super) dynos: Vec<Dyno>,
    pub(super) own_config: BTreeMap<String, String>,
    pub(super) newest: watch::Sender<Arc<Deployed>>,
}

/// `ACME_MAIL` for `acme-mail`.
pub(super) fn env_prefix(service: &str) -> String {
    service.to_uppercase().replace('-', "_")
}
