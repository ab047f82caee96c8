//! The data key wrapped for everybody whom a rule names: whole, or in shares for key groups (secrets.md 1.8).

use super::block::WrappedFor;
use super::cipher::DataKey;
use super::edit::failed;
use super::keys::{PluginError, Plugins, RecipientError, wrap_bytes};
use super::metadata::Metadata;
use super::rules::{Rule, Rules};
use super::shamir;
use crate::model::{Problem, Reason, clean};

/// How many groups of a rule have to work together.
pub(super) fn threshold(rule: &Rule) -> usize {
    if rule.threshold == 0 { rule.groups.len() } else { rule.threshold }
}

/// The key for each recipient of each group.
pub(super) fn wrapped(key: &DataKey, rule: &Rule, rules: &Rules) -> Result<Vec<Vec<WrappedFor>>, Problem> {
    let refuse = |cause: String, next: &str| {
        Problem::error(Reason::Config, cause).at(&place_of(rules), rule.line).next(next)
    };
    let told = |error: &RecipientError| {
        let (reason, next) = advice(error);
        Problem { reason, ..refuse(error.to_string(), next) }
    };
    if rule.groups.len() == 1 {
        return Ok(vec![group(key.bytes(), &rule.groups[0], &rule.plugins, &told)?]);
    }
    if rule.groups.iter().any(Vec::is_empty) {
        let cause = format!("{} has a key group without an age recipient", rule.describe());
        return Err(refuse(cause, "name an age recipient in each key group"));
    }
    let shares =
        shamir::split(key, rule.groups.len(), threshold(rule)).map_err(failed)?.ok_or_else(|| {
            let cause = format!(
                "{} wants {} of {} key groups to work together, which cannot be",
                rule.describe(),
                threshold(rule),
                rule.groups.len()
            );
            refuse(cause, "set `shamir_threshold` to at least 2 and at most the number of groups")
        })?;
    shares
        .iter()
        .zip(&rule.groups)
        .map(|(share, members)| group(share, members, &rule.plugins, &told))
        .collect()
}

fn group(
    bytes: &[u8],
    members: &[super::Recipient],
    plugins: &Plugins,
    told: &dyn Fn(&RecipientError) -> Problem,
) -> Result<Vec<WrappedFor>, Problem> {
    let wrap = |member: &super::Recipient| match wrap_bytes(bytes, &member.key, plugins) {
        Ok(enc) => Ok((member.key.clone(), enc)),
        Err(error) => Err(told(&error)),
    };
    members.iter().map(wrap).collect()
}

/// What to do about a recipient that cannot be sealed for.
fn advice(error: &RecipientError) -> (Reason, &'static str) {
    match error {
        RecipientError::Plugin(PluginError::NotAgreed { .. } | PluginError::Missing { .. }) => (
            Reason::NeedsPlugin,
            "install the plug-in and agree to it in a terminal, or seal for other recipients",
        ),
        RecipientError::Plugin(_) => (Reason::NeedsPlugin, "mend the plug-in, or seal for other recipients"),
        _ => (Reason::Config, "mend the recipients of the rule in .sops.yaml"),
    }
}

/// The same data key for the recipients that the rule gives now: who stays keeps what was wrapped for them. `None` if
/// nobody comes or goes.
pub(super) fn rewrapped(
    key: &DataKey,
    metadata: &Metadata,
    rule: &Rule,
    rules: &Rules,
) -> Result<Option<Vec<Vec<WrappedFor>>>, Problem> {
    let names = |group: &super::Group| group.age.iter().map(|w| w.recipient.clone()).collect::<Vec<_>>();
    let had: Vec<Vec<_>> = metadata.groups.iter().map(names).collect();
    let wanted: Vec<Vec<_>> =
        rule.groups.iter().map(|group| group.iter().map(|r| r.key.clone()).collect()).collect();
    let same_quorum = metadata.quorum().is_none_or(|(needed, _)| needed == threshold(rule));
    if had == wanted && same_quorum {
        return Ok(None);
    }
    let mut groups = wrapped(key, rule, rules)?;
    if let ([old], [new]) = (&*metadata.groups, &mut *groups) {
        for (recipient, enc) in new {
            if let Some(kept) = old.age.iter().find(|w| w.recipient == *recipient) {
                *enc = kept.enc.to_string();
            }
        }
    }
    Ok(Some(groups))
}

/// Refuses what would lock out keys that are not age's, or leave them where the rule does not want them.
pub(super) fn check_foreign(
    file: &str,
    metadata: &Metadata,
    rule: &Rule,
    rules: &Rules,
    keeps_key: bool,
) -> Result<(), Problem> {
    let kind = |name: &str| match name {
        "azure_keyvault" => "azure_kv".to_owned(),
        "hc_vault_transit_uri" => "hc_vault".to_owned(),
        name => name.to_owned(),
    };
    let mut wanted: Vec<String> = rule.foreign.iter().map(|name| kind(name)).collect();
    let mut had: Vec<String> = metadata.foreign.iter().map(|(name, _)| name.to_string()).collect();
    wanted.sort_unstable();
    had.sort_unstable();
    if let Some(name) = had.first().filter(|_| !keeps_key) {
        let cause = format!(
            "its {} key could not open it any more: Sealane cannot wrap a new data key for it",
            clean(name)
        );
        return Err(Problem::error(Reason::NotSupported, cause)
            .at(file, metadata.line)
            .next("keep the data key (`sealane reseal --keep-key`), or rotate it with `sops rotate`"));
    }
    if wanted == had {
        return Ok(());
    }
    let cause = format!(
        "{} names {}, and the file has {}: Sealane can neither add nor remove such keys",
        rule.describe(),
        listed(&wanted),
        listed(&had)
    );
    Err(Problem::error(Reason::NotSupported, cause)
        .at(&place_of(rules), rule.line)
        .next("bring the file in line with `sops updatekeys`"))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "age keys only".to_owned() } else { names.join(", ") }
}

/// Where the rules stand.
pub(super) fn place_of(rules: &Rules) -> String {
    if rules.file.is_empty() { ".sops.yaml".to_owned() } else { rules.file.to_string() }
}
