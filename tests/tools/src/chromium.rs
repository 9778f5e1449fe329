//! A browser for tests of pages, and what drives it.

use std::path::{Path, PathBuf};

use super::debian::{CHROMIUM, root_of};
use crate::process::{self, OnLine};

#[derive(Clone, Debug)]
pub struct Chromium {
    pub browser: PathBuf,
    pub driver: PathBuf,
}

impl Chromium {
    /// Where fonts are that came with it, if it was unpacked: those that the machine has did not come.
    pub fn fonts(&self) -> Option<PathBuf> {
        Some(root_of(&self.driver)?.join("usr/share/fonts"))
    }
}

/// Chromium: the machine's own, or Debian's packages. Fails as [`super::ensure_postgres`] does.
pub async fn ensure_chromium(target: &Path, progress: OnLine) -> anyhow::Result<Chromium> {
    CHROMIUM.ensure(target, &progress, find).await
}

fn find(root: Option<&Path>) -> Option<Chromium> {
    let Some(root) = root else {
        let browsers = ["chromium", "chromium-browser", "google-chrome"];
        return Some(Chromium {
            browser: browsers
                .iter()
                .find_map(|name| process::find_program(name, &[]))?,
            driver: process::find_program("chromedriver", &[])?,
        });
    };
    let found = Chromium {
        browser: root.join("usr/lib/chromium/chromium-headless-shell"),
        driver: root.join("usr/bin/chromedriver"),
    };
    (found.browser.is_file() && found.driver.is_file()).then_some(found)
}
