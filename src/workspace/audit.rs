//! What of a revision is sealed, for whom, whether it opens, and what should be sealed and is not. No value is here.

use super::seals::{AuditedCertificate, AuditedSealedSecret, Seals, audited_certificates};
use super::secrets::{SealedFile, SecretFiles, shown_recipient};
use super::session::Session;
use super::snapshot::Recipient;
use crate::model::{EntryKind, Problem, Reason, Revision, SealedFormat, TreeError, clean};
use crate::seal::{self, Rule, Rules, Selector};
use std::sync::Arc;

/// What was found in a revision, or in the files on disk.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Every sealed file, by path.
    pub files: Vec<AuditedFile>,
    /// Every SealedSecret, by path.
    pub sealed_secrets: Vec<AuditedSealedSecret>,
    /// The certificates of sealed-secrets controllers.
    pub certificates: Vec<AuditedCertificate>,
    /// What stands in the clear, is sealed in name only, or is sealed for others than the rules say.
    pub findings: Vec<Problem>,
    /// What nobody could look into.
    pub left_out: Vec<Problem>,
}

/// One sealed file.
#[derive(Clone, Debug)]
pub struct AuditedFile {
    /// Its path.
    pub path: Arc<str>,
    /// Its format.
    pub format: SealedFormat,
    /// The names of its sealed keys.
    pub keys: Vec<Arc<str>>,
    /// Who opens it with age.
    pub recipients: Vec<Recipient>,
    /// Other key types that open it: `pgp`, `kms` …
    pub foreign: Vec<Arc<str>>,
    /// The rule of `.sops.yaml` that is for its path.
    pub rule: Option<String>,
    /// When it was sealed last, seconds since 1970.
    pub sealed_at: Option<i64>,
    /// The version of SOPS that its metadata names.
    pub version: Option<Arc<str>>,
    /// Who changed it last.
    pub changed_by: Option<Arc<str>>,
    /// Why it did not open here, or did not verify; `None` if it did both.
    pub closed: Option<Problem>,
}

/// What the rules of `.sops.yaml` say of one path.
#[derive(Clone, Debug)]
pub struct RulesFor {
    /// The path.
    pub path: String,
    /// The file with the rules.
    pub file: Arc<str>,
    /// Every rule, in order.
    pub rules: Vec<RuleFor>,
    /// What is wrong with the rules.
    pub problems: Vec<Problem>,
}

/// What one rule says of a path.
#[derive(Clone, Debug)]
pub struct RuleFor {
    /// The rule in words.
    pub rule: String,
    /// Its line, from 1.
    pub line: u32,
    /// How it stands to the path.
    pub verdict: RuleVerdict,
    /// For whom it seals.
    pub recipients: Vec<Recipient>,
    /// Which leaves it seals, in words.
    pub seals: String,
}

/// How a rule stands to a path. The first that matches wins (secrets.md 1.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleVerdict {
    /// Its expression does not match.
    DoesNotMatch,
    /// It is the one that counts.
    Applies,
    /// It would match, after one that did.
    TooLate,
}

impl Session {
    /// All sealed files at a revision, or on disk, and what should be sealed and is not.
    pub(super) fn audit(&self, revision: Option<&str>) -> Result<Audit, Problem> {
        let tree = self.tree_of(revision)?;
        let at = match revision {
            Some(text) => Some(self.repo.resolve(text).map_err(|e| e.problem())?),
            None => self.head()?,
        };
        let rules = Self::rules(&*tree);
        let files = self.secret_files(&*tree, at);
        let mut findings = files.findings.clone();
        findings.extend(files.sealed.iter().filter_map(|(path, file)| of_others(path, file, &rules)));
        let now = jiff::Timestamp::now().as_second();
        findings.extend(files.seals.findings(now));
        if !files.seals.files.is_empty() {
            findings.extend(self.misnamed(&*tree, &files.seals.by_file()));
        }
        let SecretFiles { sealed, left_out, seals, .. } = &*files;
        let sealed_secrets = self.audited_seals(&*tree, seals);
        let certificates = audited_certificates(seals, now);
        let files = sealed.iter().map(|(path, file)| audited(path, file, &rules)).collect();
        Ok(Audit { files, sealed_secrets, certificates, findings, left_out: left_out.clone() })
    }

    /// What stands in the clear in the files on disk, or in what is staged and differs from HEAD.
    pub(super) fn check(&self, staged: bool) -> Result<Vec<Problem>, Problem> {
        let tree = self.tree(if staged { Revision::Index } else { Revision::Worktree })?;
        let (true, Some(head)) = (staged, self.head()?) else {
            let files = self.secret_files(&*tree, None);
            let mut findings = files.findings.clone();
            if !files.seals.files.is_empty() {
                findings.extend(files.seals.broken());
                findings.extend(self.misnamed(&*tree, &files.seals.by_file()));
            }
            return Ok(findings);
        };
        let before = self.tree(Revision::Commit(head))?;
        let changes = self.repo.changed(Revision::Commit(head), Revision::Index).map_err(|e| e.problem())?;
        let unreadable = |e: TreeError| Problem::error(Reason::Repository, e.to_string());
        let rules = Self::rules(&*tree);
        let mut findings = rules.problems.clone();
        let mut naming: Vec<(Arc<str>, Arc<[u8]>)> = Vec::new();
        let mut seals = Seals::default();
        for change in changes {
            let entry = tree.entry(&change.path).map_err(unreadable)?;
            if let Some(entry) = entry.filter(|entry| entry.kind == EntryKind::File) {
                let bytes = tree.read(entry.id).map_err(unreadable)?;
                findings.extend(seal::findings(&change.path, &bytes, &rules));
                let old = before.entry(&change.path).ok().flatten().and_then(|old| before.read(old.id).ok());
                if may_rename_seals(&change.path, old.as_deref(), &bytes) {
                    seals.look(&change.path, &bytes);
                    naming.push((change.path.clone(), bytes));
                }
            }
        }
        findings.extend(seals.broken());
        if !naming.is_empty() {
            let naming: Vec<(Arc<str>, &[u8])> =
                naming.iter().map(|(path, bytes)| (path.clone(), &**bytes)).collect();
            findings.extend(self.newly_misnamed(&*before, &*tree, &naming));
        }
        Ok(findings)
    }

    /// Which rule of `.sops.yaml` on disk is for each of these paths, and why the others are not.
    pub(super) fn rules_for(&self, paths: &[String]) -> Result<Vec<RulesFor>, Problem> {
        let rules = Self::rules(&*self.tree(Revision::Worktree)?);
        Ok(paths.iter().map(|path| rules_for(path, &rules)).collect())
    }
}

/// True for a staged file that can change what SealedSecrets are called: one of them, or a kustomization that names
/// otherwise than before.
fn may_rename_seals(path: &str, before: Option<&[u8]>, now: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization") {
        return naming_lines(before.unwrap_or_default()) != naming_lines(now);
    }
    std::str::from_utf8(now).is_ok_and(|text| text.contains("SealedSecret"))
}

/// The lines of a kustomization that give names.
fn naming_lines(bytes: &[u8]) -> Vec<&str> {
    let names = ["namePrefix:", "nameSuffix:", "namespace:"];
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.lines().filter(|line| names.iter().any(|name| line.trim_start().starts_with(name))).collect()
}

fn audited(path: &Arc<str>, file: &SealedFile, rules: &Rules) -> AuditedFile {
    let info = &file.info;
    AuditedFile {
        path: path.clone(),
        format: info.format,
        keys: info.keys.iter().map(|(name, _)| name.clone()).collect(),
        recipients: info.recipients.iter().map(shown_recipient).collect(),
        foreign: info.foreign.clone(),
        rule: rules.matching(path).map(Rule::describe),
        sealed_at: info.sealed_at,
        version: info.version.clone(),
        changed_by: file.changed_by.clone(),
        closed: file.broken.clone(),
    }
}

/// A file whose recipients are not those of its rule: somebody who should open it cannot, or the other way round.
fn of_others(path: &str, file: &SealedFile, rules: &Rules) -> Option<Problem> {
    let rule = rules.matching(path).filter(|_| file.info.recipients_differ)?;
    let more = only(&file.info.recipients, &rule.recipients);
    let less = only(&rule.recipients, &file.info.recipients);
    let told = [("opens for", more), ("does not open for", less)];
    let told = told.iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<String> = told.map(|(what, names)| format!("{what} {}", names.join(", "))).collect();
    let cause = format!("{}; {} of {} says otherwise", told.join(" and "), rule.describe(), rules.file);
    let next =
        format!("`sealane reseal {path}` seals it for the rule's recipients; history keeps what it was");
    Some(Problem::warning(Reason::Config, cause).at(path, 0).next(next))
}

/// Who is among these and not among those.
pub(super) fn only(these: &[seal::Recipient], those: &[seal::Recipient]) -> Vec<String> {
    let new = these.iter().filter(|one| !those.iter().any(|other| other.key == one.key));
    new.map(|one| clean(&shown_recipient(one).word())).collect()
}

fn rules_for(path: &str, rules: &Rules) -> RulesFor {
    let mut applies = RuleVerdict::Applies;
    let list = rules.rules.iter().map(|rule| {
        let matches = rule.path.as_ref().is_none_or(|expression| expression.is_match(path));
        let verdict = if matches {
            std::mem::replace(&mut applies, RuleVerdict::TooLate)
        } else {
            RuleVerdict::DoesNotMatch
        };
        RuleFor {
            rule: rule.describe(),
            line: rule.line,
            verdict,
            recipients: rule.recipients.iter().map(shown_recipient).collect(),
            seals: seals(&rule.selector),
        }
    });
    RulesFor {
        path: path.to_owned(),
        file: rules.file.clone(),
        rules: list.collect(),
        problems: rules.problems.clone(),
    }
}

/// Which leaves a selector seals, in words.
fn seals(selector: &Selector) -> String {
    match selector {
        Selector::UnencryptedSuffix(text) => format!("all but keys that end with {text}"),
        Selector::EncryptedSuffix(text) => format!("keys that end with {text}"),
        Selector::UnencryptedRegex(expression) => format!("all but keys that match {expression}"),
        Selector::EncryptedRegex(expression) => format!("keys that match {expression}"),
        Selector::UnencryptedCommentRegex(expression) => {
            format!("all but what follows a comment that matches {expression}")
        }
        Selector::EncryptedCommentRegex(expression) => {
            format!("what follows a comment that matches {expression}")
        }
    }
}
