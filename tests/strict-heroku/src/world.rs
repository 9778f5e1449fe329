//! What exists on Heroku, and what a change brings about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use stand_in::events::{EventKind, EventLog};
use tokio::sync::watch;
use uuid::Uuid;

use super::dynos::{Deployed, Dyno};
use super::limits::{Pool, Pools};
use super::model::{
    AddOnState, AppSpec, GoneAs, HerokuError, Manifest, Provision, ProvisionedAddOn, Release,
    Untidiness,
};
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
            pools: Pools::default(),
            tokens: Tokens::default(),
            services: HashMap::new(),
            apps: HashMap::new(),
            addons: BTreeMap::new(),
            secrets: BTreeSet::new(),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn add_service(&mut self, manifest: Manifest) -> Result<(), HerokuError> {
        let refused = |reason| HerokuError::Manifest {
            service: manifest.id.clone(),
            reason,
        };
        if !(8..=72).contains(&manifest.api_password.chars().count()) {
            return Err(refused("`api.password` must have 8 to 72 characters"));
        }
        if manifest.id.is_empty() || manifest.client_secret.is_empty() {
            return Err(refused("it needs an id and a client secret"));
        }
        if self.services.contains_key(&manifest.id) {
            return Err(taken("add-on service", &manifest.id));
        }
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

    pub(super) fn create_app(&mut self, spec: AppSpec) -> Result<(), HerokuError> {
        if self.apps.contains_key(&spec.name) {
            return Err(taken("app", &spec.name));
        }
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
            addons: BTreeSet::new(),
            newest,
        };
        self.apps.insert(spec.name, app);
        Ok(())
    }

    pub(super) fn set_app_var(
        &mut self,
        app: &str,
        var: &str,
        value: &str,
    ) -> Result<(), HerokuError> {
        self.app(app)?;
        if let Some(app) = self.apps.get_mut(app) {
            app.own_config.insert(var.to_owned(), value.to_owned());
        }
        self.release(app, format!("Set {var} config vars"));
        Ok(())
    }

    pub(super) fn provision(
        &mut self,
        provision: Provision,
    ) -> Result<ProvisionedAddOn, HerokuError> {
        self.app(&provision.owner_app)?;
        self.check_declared(&provision.service, provision.config.keys())?;
        if self.numbers.contains_key(&provision.name) {
            return Err(taken("add-on", &provision.name));
        }
        let number = 100 + AddOnNumber::try_from(self.addons.len()).unwrap_or(AddOnNumber::MAX);
        let colour = COLOURS[self.addons.len() % COLOURS.len()];
        let now = Timestamp::now();
        let mut addon = AddOn {
            id: Uuid::new_v4().to_string(),
            name: provision.name,
            heroku_id: format!("app{number}@heroku.com"),
            provider_id: number.to_string(),
            service: provision.service,
            plan: provision.plan,
            region: provision.region,
            owner_app: provision.owner_app,
            state: AddOnState::Provisioned,
            created_at: now,
            updated_at: now,
            config: provision.config,
            attachments: Vec::new(),
            writes: 0,
        };
        let attachment = format!("{}_{colour}", env_prefix(&addon.service));
        addon.attachments.push(Attachment {
            id: Uuid::new_v4().to_string(),
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
        self.show(number, &owner);
        self.release(&owner, description);
        Ok(provisioned)
    }

    pub(super) fn attach(
        &mut self,
        addon: &str,
        app: &str,
        as_name: &str,
    ) -> Result<(), HerokuError> {
        let number = self.number(addon)?;
        self.app(app)?;
        let known = self.addon(number)?;
        if known.state == AddOnState::Deprovisioned {
            return Err(HerokuError::Gone(known.id.clone()));
        }
        let (id, name) = (known.id.clone(), known.name.clone());
        let on_app = self.addons.values().flat_map(|addon| &addon.attachments);
        if on_app
            .into_iter()
            .any(|it| it.app == app && it.name == as_name)
        {
            return Err(taken("attachment", as_name));
        }
        if let Some(addon) = self.addons.get_mut(&number) {
            addon.attachments.push(Attachment {
                id: Uuid::new_v4().to_string(),
                app: app.to_owned(),
                name: as_name.to_owned(),
            });
        }
        self.show(number, app);
        if let Err(error) = self.check_size(number, &Changes::new()) {
            if let Some(addon) = self.addons.get_mut(&number) {
                addon.attachments.pop();
            }
            return Err(error);
        }
        tracing::debug!(addon = id, app, "attached");
        self.release(app, format!("Attach {as_name} (@ref:{name})"));
        Ok(())
    }

    pub(super) fn deprovision(&mut self, addon: &str) -> Result<(), HerokuError> {
        let number = self.number(addon)?;
        let Some(addon) = self.addons.get_mut(&number) else {
            return Ok(());
        };
        let (apps, name) = (addon.apps(), addon.name.clone());
        let was = std::mem::replace(&mut addon.state, AddOnState::Deprovisioned);
        addon.updated_at = Timestamp::now();
        self.tokens.end_grants(number);
        for app in apps {
            let known = self.apps.get_mut(&app);
            known.map(|app| app.addons.remove(&number));
            if was == AddOnState::Provisioned {
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
    ) -> Result<(), HerokuError> {
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
        let released = addon.state == AddOnState::Provisioned;
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
    pub(super) fn number(&self, addon: &str) -> Result<AddOnNumber, HerokuError> {
        let number = self.numbers.get(addon).copied();
        number.ok_or_else(|| unknown("add-on", addon))
    }

    pub(super) fn addon(&self, number: AddOnNumber) -> Result<&AddOn, HerokuError> {
        let addon = self.addons.get(&number);
        addon.ok_or_else(|| unknown("add-on", &number.to_string()))
    }

    pub(super) fn app(&self, name: &str) -> Result<&App, HerokuError> {
        self.apps.get(name).ok_or_else(|| unknown("app", name))
    }

    fn show(&mut self, number: AddOnNumber, app: &str) {
        let known = self.apps.get_mut(app);
        known.map(|app| app.addons.insert(number));
    }

    fn check_declared<'v>(
        &self,
        service: &str,
        mut vars: impl Iterator<Item = &'v String>,
    ) -> Result<(), HerokuError> {
        let manifest = self.services.get(service);
        let manifest = manifest.ok_or_else(|| unknown("add-on service", service))?;
        match vars.find(|var| !manifest.config_vars.contains(var)) {
            None => Ok(()),
            Some(var) => Err(HerokuError::Undeclared {
                service: service.to_owned(),
                var: var.clone(),
            }),
        }
    }

    /// Whether every app that has the add-on could hold its config after `changes`.
    fn check_size(&self, number: AddOnNumber, changes: &Changes) -> Result<(), HerokuError> {
        let addon = self.addon(number)?;
        for name in addon.apps() {
            let mut vars = self.app_config(&name, Some(number));
            vars.extend(addon.shown_to(&name, &addon.config_with(changes)));
            let bytes: usize = vars
                .iter()
                .map(|(var, value)| var.len() + value.len())
                .sum();
            if bytes > MAX_CONFIG_BYTES {
                return Err(HerokuError::TooLarge { app: name });
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

fn unknown(kind: &'static str, name: &str) -> HerokuError {
    HerokuError::Unknown {
        kind,
        name: name.to_owned(),
    }
}

fn taken(kind: &'static str, name: &str) -> HerokuError {
    HerokuError::Taken {
        kind,
        name: name.to_owned(),
    }
}
