//! Which sources are this repository: told by URLs, by the source of the entry, and by paths that exist.

use super::flux::spec::{SOURCES, Spec};
use crate::model::{Manifest, ObjectKey};
use std::collections::HashMap;
use std::sync::Arc;

/// A repository's URL without what can be written in several ways: scheme, user, `.git`.
pub(super) fn plain_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.trim_end_matches('/');
    let rest = rest.strip_suffix(".git").unwrap_or(rest);
    // `git@host:path` and `ssh://git@host:22/path` mean `host/path`.
    let text = match rest.split_once(':') {
        Some((host, path)) if !host.contains('/') => {
            let path = path.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('/');
            let whole = rest.split_once(':').map_or("", |(_, p)| p);
            if path.is_empty() { format!("{host}/{whole}") } else { format!("{host}/{path}") }
        }
        _ => rest.to_owned(),
    };
    text.to_ascii_lowercase()
}

/// The URL of a source object.
pub(super) fn url_of(source: &Manifest) -> Option<&str> {
    source.body.at_path(&["spec", "url"])?.scalar_text()
}

/// True for the kinds of sources that have a URL.
pub(super) fn is_source(manifest: &Manifest) -> bool {
    &*manifest.key.group == SOURCES && matches!(&*manifest.key.kind, "GitRepository" | "OCIRepository")
}

/// Which sources are this repository, as far as the files tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Home {
    urls: Vec<String>,
    keys: Vec<ObjectKey>,
}

impl Home {
    /// Weighs what Kustomizations read from which source. `remotes` are the repository's own URLs; where no source
    /// names one of them, the source whose paths exist here wins.
    pub fn of(
        specs: &[Spec],
        sources: &HashMap<ObjectKey, Arc<Manifest>>,
        remotes: &[String],
        exists: &dyn Fn(&str) -> bool,
    ) -> Self {
        let mut home = Self { urls: remotes.iter().map(|url| plain_url(url)).collect(), keys: Vec::new() };
        let mut scores: HashMap<String, usize> = HashMap::new();
        for spec in specs.iter().filter(|spec| &*spec.source.kind != "ExternalArtifact") {
            // A bootstrap gives the Kustomization and its source one name.
            let is_pair = spec.key.name == spec.source.name;
            let score = match spec.path.as_str() {
                "" => usize::from(is_pair),
                path if !exists(path) => 0,
                _ if is_pair => 5,
                _ => 2,
            };
            match sources.get(&spec.source).and_then(|source| url_of(source)) {
                Some(url) => *scores.entry(plain_url(url)).or_default() += score,
                // Nobody declares it: made by a bootstrap, which makes the repository's own.
                None if score > 0 && !home.keys.contains(&spec.source) => home.keys.push(spec.source.clone()),
                None => {}
            }
        }
        // A clone of a mirror, of a fork or of a folder has remotes that no source names: then paths decide.
        if !scores.keys().any(|url| home.urls.contains(url)) {
            let best = scores.into_iter().filter(|(_, score)| *score > 0);
            home.urls.extend(best.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0))).map(|(url, _)| url));
        }
        home
    }

    /// True if a source is this repository.
    pub fn is(&self, key: &ObjectKey, source: Option<&Manifest>) -> bool {
        match source.and_then(url_of) {
            Some(url) => self.urls.contains(&plain_url(url)),
            None => self.keys.contains(key),
        }
    }

    /// Takes a source for this repository.
    pub fn adopt(&mut self, key: &ObjectKey) {
        if !self.keys.contains(key) {
            self.keys.push(key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_url_are_one() {
        for url in [
            "https://github.com/shop/config",
            "https://github.com/Shop/config.git",
            "ssh://git@github.com/shop/config",
            "ssh://git@github.com:22/shop/config.git",
            "git@github.com:shop/config.git",
            "https://user:token@github.com/shop/config/",
        ] {
            assert_eq!(plain_url(url), "github.com/shop/config", "{url}");
        }
        assert_ne!(plain_url("https://github.com/shop/other"), plain_url("https://github.com/shop/config"));
    }
}
