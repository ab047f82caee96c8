//! Values from elsewhere into sealed files: plain files, sealed ones of this or another revision, Secrets of a cluster.

use super::handle::Workspace;
use super::plan::{FileEdit, Plan};
use super::planning::read;
use super::sealing::{Changed, Desk, nameless, short_name};
use super::snapshot::{ClusterView, EnvironmentView};
use crate::cluster::Reader;
use crate::model::{LiveSecret, Problem, Reason, Revision, clean};
use crate::seal;
use crate::secret::SecretText;

impl Desk<'_> {
    /// What a file holds that is read already, plain or sealed. A whole file becomes a whole file of the same format; into
    /// one that is there come its keys.
    pub(super) fn imported(
        &self,
        file: &str,
        existing: Option<&[u8]>,
        (name, content): (&str, &SecretText),
        keys: &[String],
    ) -> Result<Changed, Problem> {
        let elsewhere = |problem| nameless(problem, file, name);
        let opened = seal::unsealed(content, name, &self.session.keyring).map_err(elsewhere)?;
        let verb = if opened.is_some() { "copy" } else { "import" };
        let is_whole = existing.is_none() && keys.is_empty();
        if is_whole && seal::format_of(name) == seal::format_of(file) {
            let bytes = if opened.is_some() {
                seal::copy(content, name, file, &self.session.keyring, self.rules, self.time)?
            } else {
                seal::seal_content(content, file, self.rules, self.time).map_err(elsewhere)?
            };
            let words = format!("{verb} {}", clean(short_name(name)));
            let note =
                if opened.is_some() { format!("{verb} all of {}", clean(name)) } else { words.clone() };
            return Ok((bytes, words, note));
        }
        let edits = seal::import(name, opened.as_ref().unwrap_or(content), keys)?;
        let words = format!("{verb} {} from {}", counted(&edits), clean(name));
        let note = format!("{words}: {}", names(&edits));
        let note = if opened.is_some() { note } else { words.clone() };
        Ok((self.edited(file, existing, edits)?, words, note))
    }

    /// The same of a file of the repository, at HEAD or another revision: `FILE`, `REV:FILE` or `REV:` for the same file.
    pub(super) fn copied(
        &self,
        file: &str,
        existing: Option<&[u8]>,
        from: &str,
        keys: &[String],
    ) -> Result<Changed, Problem> {
        let (revision, source) = match from.split_once(':') {
            Some((revision, "")) => (Some(revision), file),
            Some((revision, source)) => (Some(revision), source),
            None => (None, from),
        };
        let bytes = match revision {
            None => read(self.tree, source)?,
            Some(text) => {
                let commit = self.session.repo.resolve(text).map_err(|e| e.problem())?;
                read(&*self.session.tree(Revision::Commit(commit))?, source)?
            }
        };
        let missing = || {
            let at = revision.map_or(String::new(), |r| format!(" at {}", clean(r)));
            Problem::error(Reason::MissingFile, format!("{} does not exist{at}", clean(source)))
                .next("name it from the root of the repository, or another revision")
        };
        let bytes = bytes.ok_or_else(missing)?;
        if !seal::sealed_secrets::sealed_secrets(source, &bytes).is_empty() {
            let cause = "the values of a SealedSecret open in its cluster alone";
            let next =
                "`--from-live NAMESPACE/NAME` takes those of the Secret that its controller makes there";
            return Err(Problem::error(Reason::NotSupported, cause).at(source, 0).next(next));
        }
        self.imported(file, existing, (source, &SecretText::from_vec(bytes.to_vec())), keys)
    }

    /// A Secret of a cluster, as a new file of its name and type, or its keys.
    pub(super) fn taken_from_live(
        &self,
        file: &str,
        existing: Option<&[u8]>,
        secret: &LiveSecret,
        keys: &[String],
    ) -> Result<Changed, Problem> {
        let edits = seal::live_edits(secret, keys)?;
        let frame = &secret.frame;
        let live = match &*frame.namespace {
            "" => clean(&frame.name),
            namespace => format!("{}/{}", clean(namespace), clean(&frame.name)),
        };
        let words = format!("import {} from the live Secret {live}", counted(&edits));
        let mut note = format!("{words}: {}", names(&edits));
        if existing.is_some() {
            return Ok((self.edited(file, existing, edits)?, words, note));
        }
        if !secret.left_out.is_empty() {
            let left: Vec<String> = secret.left_out.iter().map(|key| clean(key)).collect();
            note = format!("{note}; not taken over: {}", left.join(", "));
        }
        let bytes = seal::create_live(secret, keys, file, self.rules, self.time)?;
        Ok((bytes, words, note))
    }
}

fn counted(edits: &[seal::Edit]) -> String {
    format!("{} {}", edits.len(), if edits.len() == 1 { "key" } else { "keys" })
}

fn names(edits: &[seal::Edit]) -> String {
    let name = |edit: &seal::Edit| match edit {
        seal::Edit::Set { key, .. } => Some(clean(key)),
        _ => None,
    };
    edits.iter().filter_map(name).collect::<Vec<_>>().join(", ")
}

impl Workspace {
    /// Rehearses sealing the values of a live Secret, `NAME` or `NAMESPACE/NAME`, into files: read once, by its name. The
    /// environment is needed where several have a cluster.
    pub async fn plan_from_live(
        &self,
        files: Vec<String>,
        environment: Option<&str>,
        live: &str,
        keys: Vec<String>,
    ) -> Result<Plan, Problem> {
        let reader = self.reader_of(environment)?;
        let (namespace, name) = live.split_once('/').unwrap_or(("", live));
        let found = reader.secret(namespace, name).await.map_err(|error| error.problem())?;
        let secret = found.ok_or_else(|| {
            Problem::error(Reason::MissingFile, format!("the cluster has no Secret {}", clean(live)))
                .next("name it as NAMESPACE/NAME; `kubectl get secrets -A` lists them")
        })?;
        self.plan_seals(files, FileEdit::Live { secret, keys }).await
    }

    /// What reads the cluster of an environment, or of the only one that has any.
    fn reader_of(&self, environment: Option<&str>) -> Result<Reader, Problem> {
        let published = self.published.borrow().clone();
        let fields = published.fields.iter().filter(|(name, _)| environment.is_none_or(|e| e == &***name));
        let readers: Vec<_> = fields.filter_map(|(name, f)| Some((name, f.facts.reader.clone()?))).collect();
        match readers.as_slice() {
            [(_, reader)] => Ok(reader.clone()),
            [] => Err(unreachable(environment, &published.snapshot.environments)),
            many => {
                let names: Vec<&str> = many.iter().map(|(name, _)| &***name).collect();
                let cause = format!("several environments have a cluster: {}", names.join(", "));
                Err(Problem::error(Reason::Config, cause).next("say which with --environment"))
            }
        }
    }
}

/// Why there is no cluster to read from.
fn unreachable(environment: Option<&str>, views: &[EnvironmentView]) -> Problem {
    let mut views = views.iter().filter(|view| environment.is_none_or(|e| *view.name == *e));
    let problem = |view: &EnvironmentView| match &view.cluster {
        ClusterView::Failed(problem) | ClusterView::Lost { problem, .. } => Some(problem.clone()),
        ClusterView::NeedsConsent { command } => {
            let cause = format!("the kubeconfig runs `{}`, which nobody agreed to yet", clean(command));
            Some(
                Problem::error(Reason::Cluster, cause).next("agree to it on the screen: `sealane` asks once"),
            )
        }
        _ => None,
    };
    views.find_map(problem).unwrap_or_else(|| {
        let whose = environment.map_or_else(String::new, |name| format!(" in {}", clean(name)));
        let next = "give --context, or choose the context on the screen";
        Problem::error(Reason::Cluster, format!("there is no cluster to read from{whose}")).next(next)
    })
}
