//! Renames, which git does not record: a file that went and one that came with much the same lines.

use super::changes::Delta;
use super::lines::{count, hunks, origins};
use super::{GitError, LogOptions, Repo};
use crate::model::{CommitId, ContentId};
use std::collections::HashMap;
use std::sync::Arc;

/// More comparisons than this are a reorganisation that nobody wants to wait for; then only files that are
/// exactly the same are paired.
const MOST: usize = 2_000;

impl Repo {
    /// The removed file that became `id`: the same content, or the one that shares most lines, at least half.
    pub(super) fn renamed_from(
        &self,
        deltas: &[Delta],
        id: ContentId,
    ) -> Result<Option<(Arc<str>, ContentId)>, GitError> {
        let gone: Vec<(Arc<str>, ContentId)> = deltas
            .iter()
            .filter(|delta| delta.after.is_none() && !delta.odd)
            .filter_map(|delta| Some((delta.path.clone(), delta.before.as_ref()?.id)))
            .collect();
        if let Some(same) = gone.iter().find(|(_, old)| *old == id) {
            return Ok(Some(same.clone()));
        }
        if gone.len() > MOST {
            return Ok(None);
        }
        let Ok(new) = self.inner.blob(id) else { return Ok(None) };
        let lines = count(&new);
        let mut best = (lines / 2, None);
        for (path, old) in gone {
            let Ok(content) = self.inner.blob(old) else { continue };
            let kept = origins(&hunks(&content, &new)?, lines).iter().flatten().count();
            let kept = u32::try_from(kept).unwrap_or(u32::MAX);
            if kept > best.0 && kept * 2 > count(&content) {
                best = (kept, Some((path, old)));
            }
        }
        Ok(best.1)
    }

    /// The renames within one change: new path to old path, each old path once.
    pub(super) fn renames(&self, deltas: &[Delta]) -> Result<HashMap<Arc<str>, Arc<str>>, GitError> {
        let added = || deltas.iter().filter(|delta| delta.before.is_none() && !delta.odd);
        let gone = deltas.iter().filter(|delta| delta.after.is_none()).count();
        let mut renames = HashMap::new();
        if gone == 0 || gone * added().count() > MOST {
            return Ok(renames);
        }
        for delta in added() {
            let Some(after) = &delta.after else { continue };
            if let Some((from, _)) = self.renamed_from(deltas, after.id)?
                && !renames.values().any(|taken| *taken == from)
            {
                renames.insert(delta.path.clone(), from);
            }
        }
        Ok(renames)
    }

    /// Where a file went that is not at its path in `onto` any more. Looked for in the commit that removed
    /// the path, since comparing all files with all is slow and finds chance twins.
    pub(super) fn renamed_to(&self, path: &Arc<str>, onto: CommitId) -> Result<Option<Arc<str>>, GitError> {
        let options = LogOptions { paths: vec![path.clone()], ..LogOptions::default() };
        let Some(remover) = self.walk(onto, &options)?.next().transpose()? else {
            return Ok(None);
        };
        let Ok(moves) = self.deltas_of(remover) else { return Ok(None) };
        Ok(self.renames(&moves)?.into_iter().find(|(_, from)| from == path).map(|(to, _)| to))
    }
}
