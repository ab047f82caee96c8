//! What of a revision is sealed, for whom, whether it opens, and what should be sealed and is not. No value is here.

use super::firewall::{Exposed, unreadable};
use super::seals::{AuditedCertificate, AuditedSealedSecret, audited_certificates};
use super::secrets::{SealedFile, SecretFiles, shown_recipient};
use super::session::Session;
use super::snapshot::Recipient;
use crate::model::{Problem, Revision, SealedFormat, clean};
use crate::seal::{self, ExposureKind, Rule, Rules, SealedInfo, Selector};
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
    pub findings: Vec<Exposed>,
    /// What is wrong with the rules.
    pub problems: Vec<Problem>,
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
        let mut findings = files.exposed.clone();
        findings.extend(files.sealed.iter().filter_map(|(path, file)| of_others(path, &file.info, &rules)));
        findings.extend(super::delivery::lints(
            &*tree,
            &super::firewall::files(&*tree).map_err(|e| unreadable(&e))?,
        ));
        let mut problems = rules.problems.clone();
        let now = jiff::Timestamp::now().as_second();
        problems.extend(files.seals.findings(now));
        if !files.seals.files.is_empty() {
            problems.extend(self.misnamed(&*tree, &files.seals.by_file()));
        }
        let SecretFiles { sealed, left_out, seals, .. } = &*files;
        let sealed_secrets = self.audited_seals(&*tree, seals);
        let certificates = audited_certificates(seals, now);
        let files = sealed.iter().map(|(path, file)| audited(path, file, &rules)).collect();
        Ok(Audit { files, sealed_secrets, certificates, findings, problems, left_out: left_out.clone() })
    }

    /// Which rule of `.sops.yaml` on disk is for each of these paths, and why the others are not.
    pub(super) fn rules_for(&self, paths: &[String]) -> Result<Vec<RulesFor>, Problem> {
        let rules = Self::rules(&*self.tree(Revision::Worktree)?);
        Ok(paths.iter().map(|path| rules_for(path, &rules)).collect())
    }
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
pub(super) fn of_others(path: &str, info: &SealedInfo, rules: &Rules) -> Option<Exposed> {
    let rule = rules.matching(path).filter(|_| info.recipients_differ)?;
    let more = only(&info.recipients, &rule.recipients);
    let less = only(&rule.recipients, &info.recipients);
    let told = [("opens for", more), ("does not open for", less)];
    let told = told.iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<String> = told.map(|(what, names)| format!("{what} {}", names.join(", "))).collect();
    if told.is_empty() {
        return None;
    }
    let cause = format!("{}; {} of {} says otherwise", told.join(" and "), rule.describe(), rules.file);
    let next =
        format!("`sealane reseal {path}` seals it for the rule's recipients; history keeps what it was");
    Some(Exposed::lint(ExposureKind::OtherRecipients, path, 0, cause, &next))
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
