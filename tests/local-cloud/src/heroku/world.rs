//! What exists on Heroku, and what a change brings about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::dynos::{Deployed, Dyno};
use super::model::{
    AppSpec, GoneAs, Manifest, Provision, ProvisionedAddOn, Release, Undeclared, Untidiness,
};
use super::things::{AddOn, App, Attachment, Changes, env_prefix};
use super::tokens::{AddOnNumber, Tokens};
use crate::events::{EventKind, EventLog};

const MAX_CONFIG_BYTES: usize = 32 * 1024;
const COLOURS: [&str; 6] = ["GOLD", "CYAN", "JADE", "ONYX", "ROSE", "TEAL"];

pub(super) struct World {
    pub(super) events: EventLog,
    pub(super) page_size: usize,
    pub(super) gone_as: GoneAs,
    pub(super) untidiness: Untidiness,
    pub(super) tokens: Tokens,
    pub(super) services: HashMap<String, Manifest>,
    pub(super) apps: HashMap<String, App>,
    pub(super) addons: BTreeMap<AddOnNumber, AddOn>,
    /// Every secret that ever was here.
    pub(super) secrets: BTreeSet<String>,
    numbers: HashMap<String, AddOnNumber>,
}

impl World {
    pub(super) fn new(events: EventLog) -> Self {
        Self {
            events,
            page_size: 4_000,
            gone_as: GoneAs::default(),
            untidiness: Untidiness::default(),
            tokens: Tokens::default(),
            services: HashMap::new(),
            apps: HashMap::new(),
            addons: BTreeMap::new(),
            secrets: BTreeSet::new(),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn add_service(&mut self, manifest: Manifest) -> Result<()> {
        let is_new = !self.services.contains_key(&manifest.id);
        ensure!(
            is_new,
            "the add-on service `{}` exists already",
            manifest.id
        );
        self.secrets.insert(manifest.api_password.clone());
        self.secrets.insert(manifest.client_secret.clone());
        self.services.insert(manifest.id.clone(), manifest);
        Ok(())
    }

    pub(super) fn create_app(&mut self, spec: AppSpec) -> Result<()> {
        let is_new = !self.apps.contains_key(&spec.name);
        ensure!(is_new, "the app `{}` exists already", spec.name);
        let first = Deployed {
            version: 1,
            config: BTreeMap::new(),
        };
        let newest = watch::Sender::new(Arc::new(first));
        let mut restart = spec.restart.first;
        let mut dynos = Vec::new();
        for number in 1..=spec.dynos {
            dynos.push(Dyno::start(
                spec.name.clone(),
                format!("web.{number}"),
                restart,
                newest.subscribe(),
                self.events.clone(),
            ));
            restart += spec.restart.stagger;
        }
        let app = App {
            releases: vec![Release {
                version: 1,
                at: Timestamp::now(),
            }],
            dynos,
            own_config: BTreeMap::new(),
            addons: BTreeSet::new(),
            newest,
        };
        self.apps.insert(spec.name, app);
        Ok(())
    }

    pub(super) fn set_app_var(&mut self, app: &str, var: &str, value: &str) -> Result<()> {
        self.app(app)?;
        if let Some(app) = self.apps.get_mut(app) {
            app.own_config.insert(var.to_owned(), value.to_owned());
        }
        self.release(app);
        Ok(())
    }

    /// A release of the app that owns the add-on.
    pub(super) fn provision(&mut self, provision: Provision) -> Result<ProvisionedAddOn> {
        self.app(&provision.owner_app)?;
        self.check_declared(&provision.service, provision.config.keys())?;
        let is_new = !self.numbers.contains_key(&provision.name);
        ensure!(is_new, "the add-on `{}` exists already", provision.name);
        let number = 100 + AddOnNumber::try_from(self.addons.len()).unwrap_or(AddOnNumber::MAX);
        let colour = COLOURS[self.addons.len() % COLOURS.len()];
        let mut addon = AddOn {
            id: Uuid::new_v4().to_string(),
            name: provision.name,
            heroku_id: format!("app{number}@heroku.com"),
            provider_id: number.to_string(),
            service: provision.service,
            plan: provision.plan,
            region: provision.region,
            owner_app: provision.owner_app,
            is_gone: false,
            config: provision.config,
            attachments: Vec::new(),
            writes: 0,
        };
        let attachment = format!("{}_{colour}", env_prefix(&addon.service));
        addon.attachments.push(Attachment {
            app: addon.owner_app.clone(),
            name: attachment.clone(),
        });
        let grant_code = self.tokens.new_code(number);
        self.secrets.insert(grant_code.clone());
        self.secrets.extend(addon.config.values().cloned());
        let provisioned = ProvisionedAddOn {
            id: addon.id.clone(),
            name: addon.name.clone(),
            heroku_id: addon.heroku_id.clone(),
            attachment,
            grant_code,
        };
        for id in [&addon.id, &addon.name, &addon.heroku_id] {
            self.numbers.insert(id.clone(), number);
        }
        let owner = addon.owner_app.clone();
        self.addons.insert(number, addon);
        self.show(number, &owner);
        self.release(&owner);
        Ok(provisioned)
    }

    pub(super) fn attach(&mut self, addon: &str, app: &str, as_name: &str) -> Result<()> {
        let number = self.number(addon)?;
        self.app(app)?;
        if let Some(addon) = self.addons.get_mut(&number) {
            addon.attachments.push(Attachment {
                app: app.to_owned(),
                name: as_name.to_owned(),
            });
        }
        self.show(number, app);
        self.release(app);
        Ok(())
    }

    pub(super) fn deprovision(&mut self, addon: &str) -> Result<()> {
        let number = self.number(addon)?;
        let addon = self.addon_mut(number)?;
        let was_gone = std::mem::replace(&mut addon.is_gone, true);
        let apps = addon.apps();
        self.tokens.end_grants(number);
        for app in apps {
            if let Some(known) = self.apps.get_mut(&app) {
                known.addons.remove(&number);
            }
            if !was_gone {
                self.release(&app);
            }
        }
        Ok(())
    }

    /// Writes to an add-on's config, and makes one release for each app that has the add-on.
    /// On Heroku a write that changes nothing is a release as well.
    pub(super) fn write_config(&mut self, number: AddOnNumber, changes: &Changes) -> Result<()> {
        let service = self.addon(number)?.service.clone();
        self.check_declared(&service, changes.keys())?;
        self.check_size(number, changes)?;
        self.secrets.extend(changes.values().flatten().cloned());
        let strips_blanks = self.untidiness.strips_blanks;
        let addon = self.addon_mut(number)?;
        addon.config = addon.config_with(changes);
        if strips_blanks {
            for value in addon.config.values_mut() {
                *value = value.trim().to_owned();
            }
        }
        addon.writes += 1;
        let (id, apps, is_gone) = (addon.id.clone(), addon.apps(), addon.is_gone);
        self.events.record(EventKind::ConfigChanged {
            addon: id,
            names: changes.keys().cloned().collect(),
        });
        for app in apps.iter().filter(|_| !is_gone) {
            self.release(app);
        }
        Ok(())
    }

    /// The number of an add-on by UUID, name or legacy id.
    pub(super) fn number(&self, addon: &str) -> Result<AddOnNumber> {
        let number = self.numbers.get(addon).copied();
        number.with_context(|| format!("there is no add-on `{addon}`"))
    }

    pub(super) fn addon(&self, number: AddOnNumber) -> Result<&AddOn> {
        let addon = self.addons.get(&number);
        addon.with_context(|| format!("there is no add-on {number}"))
    }

    fn addon_mut(&mut self, number: AddOnNumber) -> Result<&mut AddOn> {
        let addon = self.addons.get_mut(&number);
        addon.with_context(|| format!("there is no add-on {number}"))
    }

    pub(super) fn app(&self, name: &str) -> Result<&App> {
        let app = self.apps.get(name);
        app.with_context(|| format!("there is no app `{name}`"))
    }

    fn show(&mut self, number: AddOnNumber, app: &str) {
        let known = self.apps.get_mut(app);
        known.map(|app| app.addons.insert(number));
    }

    fn check_declared<'v>(
        &self,
        service: &str,
        mut vars: impl Iterator<Item = &'v String>,
    ) -> Result<()> {
        let manifest = self.services.get(service);
        let manifest =
            manifest.with_context(|| format!("there is no add-on service `{service}`"))?;
        match vars.find(|var| !manifest.config_vars.contains(var)) {
            None => Ok(()),
            Some(var) => Err(Undeclared(var.clone()).into()),
        }
    }

    /// Whether every app that has the add-on could hold its config after `changes`.
    fn check_size(&self, number: AddOnNumber, changes: &Changes) -> Result<()> {
        let addon = self.addon(number)?;
        for name in addon.apps() {
            let mut vars = self.app_config(&name, Some(number));
            vars.extend(addon.shown_to(&name, &addon.config_with(changes)));
            let bytes: usize = vars
                .iter()
                .map(|(var, value)| var.len() + value.len())
                .sum();
            if bytes > MAX_CONFIG_BYTES {
                bail!("the config vars of `{name}` would exceed 32 kB together");
            }
        }
        Ok(())
    }

    fn app_config(&self, name: &str, except: Option<AddOnNumber>) -> BTreeMap<String, String> {
        let Some(app) = self.apps.get(name) else {
            return BTreeMap::new();
        };
        let mut config = app.own_config.clone();
        for number in app.addons.iter().filter(|number| Some(**number) != except) {
            if let Some(addon) = self.addons.get(number) {
                config.extend(addon.shown_to(name, &addon.config));
            }
        }
        config
    }

    fn release(&mut self, name: &str) {
        let config = self.app_config(name, None);
        let Some(app) = self.apps.get_mut(name) else {
            return;
        };
        let version = app.releases.last().map_or(1, |last| last.version + 1);
        app.releases.push(Release {
            version,
            at: Timestamp::now(),
        });
        self.events.record(EventKind::Release {
            app: name.to_owned(),
            version,
        });
        app.newest
            .send_replace(Arc::new(Deployed { version, config }));
    }
}
