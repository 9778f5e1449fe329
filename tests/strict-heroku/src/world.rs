//! What exists on Heroku, and what a change brings about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{anyhow, ensure};
use jiff::Timestamp;
use stand_in::events::{EventKind, EventLog};
use tokio::sync::watch;
use uuid::Uuid;

use super::dynos::{Deployed, Dyno};
use super::limits::{Pool, Pools};
use super::model::{AppSpec, GoneAs, Manifest, Provision, ProvisionedAddOn, Release, Untidiness};
use super::things::{AddOn, App, Attachment, Changes, env_prefix};
use super::tokens::{AddOnNumber, Tokens};

const MAX_CONFIG_BYTES: usize = 32 * 1024;
const COLOURS: [&str; 6] = ["GOLD", "CYAN", "JADE", "ONYX", "ROSE", "TEAL"];

pub(super) struct World {
    pub(super) events: EventLog,
    pub(super) page_size: usize,
    pub(super) gone_as: GoneAs,
    pub(super) untidiness: Untidiness,
    pub(super) pools: Pools,
    pub(super) tokens: Tokens,
    pub(super) services: HashMap<String, Manifest>,
    pub(super) apps: HashMap<String, App>,
    pub(super) addons: BTreeMap<AddOnNumber, AddOn>,
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
            pools: Pools::default(),
            tokens: Tokens::default(),
            services: HashMap::new(),
            apps: HashMap::new(),
            addons: BTreeMap::new(),
            secrets: BTreeSet::new(),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn add_service(&mut self, manifest: Manifest) -> anyhow::Result<()> {
        let Manifest {
            id, api_password, ..
        } = &manifest;
        ensure!(
            (8..=72).contains(&api_password.chars().count()),
            "the manifest of `{id}`: `api.password` must have 8 to 72 characters"
        );
        ensure!(!self.services.contains_key(id), taken("add-on service", id));
        self.secrets.insert(manifest.api_password.clone());
        self.secrets.insert(manifest.client_secret.clone());
        self.services.insert(manifest.id.clone(), manifest);
        Ok(())
    }

    /// Whose pool the requests with an add-on's token are taken from.
    pub(super) fn account(&self, number: AddOnNumber) -> String {
        match (self.pools.limit.pool, self.addons.get(&number)) {
            (Pool::Service, Some(addon)) => Pools::of_service(&addon.service),
            (Pool::Token, _) | (Pool::Service, None) => format!("token {number}"),
        }
    }

    pub(super) fn create_app(&mut self, spec: AppSpec) -> anyhow::Result<()> {
        ensure!(
            !self.apps.contains_key(&spec.name),
            taken("app", &spec.name)
        );
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
            id: Uuid::new_v4().to_string(),
            releases: vec![Release {
                version: 1,
                at: Timestamp::now(),
                description: "Initial release".to_owned(),
            }],
            dynos,
            own_config: BTreeMap::new(),
            newest,
        };
        self.apps.insert(spec.name, app);
        Ok(())
    }

    pub(super) fn set_app_var(&mut self, app: &str, var: &str, value: &str) -> anyhow::Result<()> {
        self.app(app)?;
        if let Some(app) = self.apps.get_mut(app) {
            app.own_config.insert(var.to_owned(), value.to_owned());
        }
        self.release(app, format!("Set {var} config vars"));
        Ok(())
    }

    pub(super) fn provision(&mut self, provision: Provision) -> anyhow::Result<ProvisionedAddOn> {
        self.app(&provision.owner_app)?;
        self.check_declared(&provision.service, provision.config.keys())?;
        ensure!(
            !self.numbers.contains_key(&provision.name),
            taken("add-on", &provision.name)
        );
        let number = 100 + AddOnNumber::try_from(self.addons.len()).unwrap_or(AddOnNumber::MAX);
        let colour = COLOURS[self.addons.len() % COLOURS.len()];
        let now = Timestamp::now();
        let mut addon = AddOn {
            id: Uuid::new_v4().to_string(),
            name: provision.name,
            heroku_id: format!("app{number}@heroku.com"),
            provider_id: number.to_string(),
            service: provision.service,
            owner_app: provision.owner_app,
            is_gone: false,
            created_at: now,
            updated_at: now,
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
        let description = format!("Attach {} (@ref:{})", provisioned.attachment, addon.name);
        self.addons.insert(number, addon);
        self.check_size(number, &Changes::new())?;
        self.release(&owner, description);
        Ok(provisioned)
    }

    pub(super) fn attach(&mut self, addon: &str, app: &str, as_name: &str) -> anyhow::Result<()> {
        let number = self.number(addon)?;
        self.app(app)?;
        let known = self.addon(number)?;
        ensure!(!known.is_gone, "the add-on `{addon}` is gone");
        let name = known.name.clone();
        let mut attached = self.addons.values().flat_map(|it| &it.attachments);
        let is_taken = attached.any(|it| it.app == app && it.name == as_name);
        ensure!(!is_taken, taken("attachment", as_name));
        if let Some(addon) = self.addons.get_mut(&number) {
            addon.attachments.push(Attachment {
                app: app.to_owned(),
                name: as_name.to_owned(),
            });
        }
        if let Err(error) = self.check_size(number, &Changes::new()) {
            if let Some(addon) = self.addons.get_mut(&number) {
                addon.attachments.pop();
            }
            return Err(error);
        }
        self.release(app, format!("Attach {as_name} (@ref:{name})"));
        Ok(())
    }

    pub(super) fn deprovision(&mut self, addon: &str) -> anyhow::Result<()> {
        let number = self.number(addon)?;
        let Some(addon) = self.addons.get_mut(&number) else {
            return Ok(());
        };
        let (apps, name) = (addon.apps(), addon.name.clone());
        let was_gone = std::mem::replace(&mut addon.is_gone, true);
        addon.updated_at = Timestamp::now();
        self.tokens.end_grants(number);
        for app in apps {
            if !was_gone {
                self.release(&app, format!("Detach {name}"));
            }
        }
        Ok(())
    }

    /// Writes to an add-on's config, and makes one release for each app that has the add-on.
    /// On Heroku a write that changes nothing is a release as well.
    pub(super) fn write_config(
        &mut self,
        number: AddOnNumber,
        changes: &Changes,
    ) -> anyhow::Result<()> {
        let service = self.addon(number)?.service.clone();
        self.check_declared(&service, changes.keys())?;
        self.check_size(number, changes)?;
        self.secrets.extend(changes.values().flatten().cloned());
        let Some(addon) = self.addons.get_mut(&number) else {
            return Ok(());
        };
        addon.config = addon.config_with(changes);
        if self.untidiness.strips_blanks {
            for value in addon.config.values_mut() {
                *value = value.trim().to_owned();
            }
        }
        addon.updated_at = Timestamp::now();
        addon.writes += 1;
        let apps = addon.apps();
        let released = !addon.is_gone;
        self.events.record(EventKind::ConfigChanged {
            addon: addon.id.clone(),
            names: changes.keys().cloned().collect(),
        });
        if released {
            let description = format!("Update {} by {service}", env_prefix(&service));
            for app in apps {
                self.release(&app, description.clone());
            }
        }
        Ok(())
    }

    /// The number of an add-on by UUID, name or legacy id.
    pub(super) fn number(&self, addon: &str) -> anyhow::Result<AddOnNumber> {
        let number = self.numbers.get(addon).copied();
        number.ok_or_else(|| unknown("add-on", addon))
    }

    pub(super) fn addon(&self, number: AddOnNumber) -> anyhow::Result<&AddOn> {
        let addon = self.addons.get(&number);
        addon.ok_or_else(|| unknown("add-on", &number.to_string()))
    }

    pub(super) fn app(&self, name: &str) -> anyhow::Result<&App> {
        self.apps.get(name).ok_or_else(|| unknown("app", name))
    }

    /// The first of the vars that the service's manifest does not declare.
    pub(super) fn undeclared<'v>(
        &self,
        service: &str,
        mut vars: impl Iterator<Item = &'v String>,
    ) -> Option<&'v String> {
        let manifest = self.services.get(service);
        vars.find(|var| manifest.is_none_or(|it| !it.config_vars.contains(var)))
    }

    fn check_declared<'v>(
        &self,
        service: &str,
        vars: impl Iterator<Item = &'v String>,
    ) -> anyhow::Result<()> {
        match self.undeclared(service, vars) {
            None => Ok(()),
            Some(var) => Err(anyhow!(
                "the config var {var} is not declared in the manifest of `{service}`: add it to `config_vars`"
            )),
        }
    }

    /// Whether every app that has the add-on could hold its config after `changes`.
    fn check_size(&self, number: AddOnNumber, changes: &Changes) -> anyhow::Result<()> {
        let addon = self.addon(number)?;
        for name in addon.apps() {
            let mut vars = self.app_config(&name, Some(number));
            vars.extend(addon.shown_to(&name, &addon.config_with(changes)));
            let bytes: usize = vars
                .iter()
                .map(|(var, value)| var.len() + value.len())
                .sum();
            ensure!(
                bytes <= MAX_CONFIG_BYTES,
                "the config vars of `{name}` would exceed 32 kB together: make them smaller"
            );
        }
        Ok(())
    }

    fn app_config(&self, name: &str, except: Option<AddOnNumber>) -> BTreeMap<String, String> {
        let Some(app) = self.apps.get(name) else {
            return BTreeMap::new();
        };
        let mut config = app.own_config.clone();
        for (number, addon) in &self.addons {
            if !addon.is_gone && Some(*number) != except {
                config.extend(addon.shown_to(name, &addon.config));
            }
        }
        config
    }

    fn release(&mut self, name: &str, description: String) {
        let config = self.app_config(name, None);
        let Some(app) = self.apps.get_mut(name) else {
            return;
        };
        let version = app.releases.last().map_or(1, |last| last.version + 1);
        app.releases.push(Release {
            version,
            at: Timestamp::now(),
            description,
        });
        self.events.record(EventKind::Release {
            app: name.to_owned(),
            version,
        });
        app.newest
            .send_replace(Arc::new(Deployed { version, config }));
    }
}

fn unknown(kind: &str, name: &str) -> anyhow::Error {
    anyhow!("the Heroku stand-in has no {kind} `{name}`: make it first")
}

fn taken(kind: &str, name: &str) -> String {
    format!("the Heroku stand-in already has the {kind} `{name}`: choose another name")
}
