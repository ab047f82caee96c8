//! Which sources are this repository: told by URLs, and where none fits, by paths that exist.

use super::spec::Application;
use crate::render::flux::spec::clean_path;
use crate::render::sources::plain_url;
use std::collections::HashMap;

/// The URLs of this repository, as far as the files tell.
#[derive(Clone, Debug, Default)]
pub(in crate::render) struct Home {
    urls: Vec<String>,
    /// The revision that most of its sources name.
    revision: String,
    /// True if some source names this repository for certain.
    is_sure: bool,
}

impl Home {
    /// Weighs what Applications read from which URL. `remotes` are the repository's own URLs; where no source names one
    /// of them (a clone of a mirror, of a fork, of a folder), the URL most of whose paths exist here wins.
    pub fn of(applications: &[Application], remotes: &[String], exists: &dyn Fn(&str) -> bool) -> Self {
        let mut urls: Vec<String> = remotes.iter().map(|url| plain_url(url)).collect();
        let mut scores: HashMap<String, usize> = HashMap::new();
        for source in applications.iter().flat_map(|app| &app.sources).filter(|s| s.chart.is_empty()) {
            let path = clean_path(&source.path);
            let score = usize::from(!path.is_empty() && exists(&path));
            *scores.entry(plain_url(&source.url)).or_default() += score;
        }
        let mut is_sure = scores.keys().any(|url| urls.contains(url));
        if !is_sure {
            let best = scores.into_iter().filter(|(_, score)| *score > 0);
            let best = best.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
            is_sure = best.is_some();
            urls.extend(best.map(|(url, _)| url));
        }
        let mut home = Self { urls, revision: String::new(), is_sure };
        let mut revisions: HashMap<&str, usize> = HashMap::new();
        for source in applications.iter().flat_map(|app| &app.sources).filter(|s| home.is(&s.url)) {
            *revisions.entry(&source.revision).or_default() += 1;
        }
        let most = revisions.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
        home.revision = most.map(|(revision, _)| revision.to_owned()).unwrap_or_default();
        home
    }

    /// True if a URL is this repository.
    pub fn is(&self, url: &str) -> bool {
        self.urls.contains(&plain_url(url))
    }

    /// Takes a URL for this repository, where no other one is known to be it: Applications whose source a kustomization
    /// fills in name none in their files.
    pub fn adopt(&self, url: &str) -> Option<Self> {
        if self.is_sure {
            return None;
        }
        let mut home = self.clone();
        home.urls.push(plain_url(url));
        home.is_sure = true;
        Some(home)
    }

    /// True if a revision may well be another one than the one that is looked at: neither the newest of the main branch
    /// nor what most Applications read.
    pub fn is_elsewhere(&self, revision: &str) -> bool {
        !matches!(revision, "" | "HEAD" | "main" | "master") && *revision != *self.revision
            || is_commit(revision)
    }
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::argo::tests::application;

    fn reads(url: &str, path: &str) -> Application {
        application(&format!(
            "spec:\n  source: {{repoURL: '{url}', path: {path}, targetRevision: release}}\n  destination: {{name: x}}\n"
        ))
    }

    #[test]
    fn a_remote_is_the_repository_and_else_paths_decide() {
        let apps =
            [reads("https://git.example/shop/config.git", "apps"), reads("https://git.example/other", "x")];
        let home = Home::of(&apps, &["git@git.example:shop/config".to_owned()], &|_| false);
        assert!(home.is("https://git.example/shop/config") && !home.is("https://git.example/other"));
        let home = Home::of(&apps, &["https://mirror.example/config".to_owned()], &|path| path == "x");
        assert!(home.is("https://git.example/other") && !home.is("https://git.example/shop/config"));
    }

    #[test]
    fn a_commit_and_a_lonely_tag_are_other_revisions() {
        let home = Home::of(&[reads("https://a/b", "x"), reads("https://a/b", "x")], &[], &|_| true);
        assert!(!home.is_elsewhere("release") && !home.is_elsewhere("HEAD"));
        assert!(home.is_elsewhere("v1.2") && home.is_elsewhere(&"ab".repeat(20)));
    }
}
