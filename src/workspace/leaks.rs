//! What a [`Workspace`] is asked about leaks: found on disk, in history and in what is in use, and sealed; and git set up
//! for sealed files.

use super::handle::{Answer, Workspace, blocking};
use super::{Checked, Compared, Leak, LeaksSealed, Scan, sealing_leaks};
use std::path::PathBuf;

impl Workspace {
    /// What stands in the clear: in the files on disk, or in what is staged and differs from HEAD.
    /// With `digests` each finding tells the digest that an exception is made with.
    pub async fn check(&self, staged: bool, digests: bool) -> Answer<Checked> {
        let session = self.session.clone();
        blocking(move || session.check(staged, digests)).await
    }

    /// What stood in the clear in any commit before HEAD.
    pub async fn scan(&self) -> Answer<Scan> {
        let session = self.session.clone();
        blocking(move || session.scan()).await
    }

    /// True if there is a kubeconfig, or a connection that stands: clusters could be asked.
    pub fn has_clusters(&self) -> bool {
        self.is_connected || self.kubeconfig.iter().any(|path| path.exists())
    }

    /// Tells of each leak who holds its value today: Secrets of clusters (or of one environment), as they were read last,
    /// and sealed files of HEAD.
    pub async fn still_valid(
        &self,
        mut leaks: Vec<Leak>,
        environment: Option<String>,
    ) -> Answer<(Vec<Leak>, Compared)> {
        let (session, published) = (self.session.clone(), self.published.borrow().clone());
        blocking(move || {
            let fields = published.fields.iter();
            let fields =
                fields.filter(|(name, _)| environment.as_deref().is_none_or(|wanted| wanted == &***name));
            let compared = session.still_valid(&mut leaks, fields)?;
            Ok((leaks, compared))
        })
        .await
    }

    /// Sets git up to merge sealed files key by key in this clone, and with `textconv` to compare them without their values,
    /// by this program: the file with the patterns, and them.
    pub async fn install_drivers(&self, program: PathBuf, textconv: bool) -> Answer<(PathBuf, Vec<String>)> {
        let session = self.session.clone();
        blocking(move || session.install_drivers(&program, textconv)).await
    }

    /// Rehearses sealing all that stands in the clear at HEAD and can be sealed where it stands; names the rest.
    pub async fn plan_leaks(&self) -> Answer<LeaksSealed> {
        let session = self.session.clone();
        blocking(move || sealing_leaks::plan(&session)).await
    }
}
