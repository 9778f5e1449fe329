//! An add-on instance at Heroku, with what a function reaches it with.

use addon_rotation::document::{ConfigVars, Document};
use addon_rotation::heroku::{AddOn, HerokuClient, Partner};
use addon_rotation::tokens::Tokens;
use secrecy::SecretString;

use super::{Instance, Stand, document};

/// What an [`AddOn`] borrows. Each part can be another one.
pub(crate) struct Publisher {
    document: Document,
    client: HerokuClient,
    partner: Partner,
    tokens: Tokens,
}

impl Publisher {
    pub(crate) async fn new(stand: &Stand, instance: &Instance) -> Self {
        Self {
            document: document(&instance.document),
            client: stand.heroku_client(),
            partner: stand.partner().await,
            tokens: stand.token_store(),
        }
    }

    pub(crate) fn with_addon_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.document.heroku.addon_id);
        self
    }

    pub(crate) fn with_client(mut self, client: HerokuClient) -> Self {
        self.client = client;
        self
    }

    pub(crate) fn with_partner(mut self, partner: Partner) -> Self {
        self.partner = partner;
        self
    }

    pub(crate) fn addon(&self) -> AddOn<'_> {
        AddOn::of(&self.document, &self.client, &self.partner, &self.tokens)
    }
}

/// Config vars to publish.
pub(crate) fn rendered(vars: &[(&str, &str)]) -> ConfigVars {
    vars.iter()
        .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
        .collect()
}
