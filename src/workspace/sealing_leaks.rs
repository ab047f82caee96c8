//! One plan for what leaked and can be sealed where it stands; what cannot is named with its reason.

use super::firewall::Exposed;
use super::plan::{FileEdit, Plan};
use super::planning::{read, standing};
use super::sealing;
use super::session::Session;
use super::steps::is_leak;
use crate::model::{Problem, Reason, Revision, Tree};
use crate::seal::{self, Rules};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What becomes of the files with leaks at HEAD.
pub struct LeaksSealed {
    /// Seals those that can be sealed; `None` if none can.
    pub plan: Option<Plan>,
    /// The others, each with why and what to do.
    pub left: Vec<Problem>,
}

/// Rehearses sealing every file of HEAD that holds something in the clear, has a rule, and is whole when it is sealed.
pub(super) fn plan(session: &Session) -> Result<LeaksSealed, Problem> {
    let (_, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    let rules = Session::rules(&*tree).with_plugins(session.keyring.plugins());
    let mut found: BTreeMap<Arc<str>, Vec<Exposed>> = BTreeMap::new();
    for exposed in session.check_all(&*tree, false)?.exposed.into_iter().filter(|one| is_leak(one.kind)) {
        let file = exposed.problem.place.as_ref().map(|place| place.file.clone());
        found.entry(file.unwrap_or_default()).or_default().push(exposed);
    }
    let (mut files, mut left) = (Vec::new(), Vec::new());
    for (file, leaks) in found {
        match sealable(&*tree, &rules, &file) {
            Ok(()) => files.push(file.to_string()),
            Err(why) => {
                let first = leaks.first().map(|leak| &leak.problem);
                let line = first.and_then(|problem| problem.place.as_ref()).map_or(0, |place| place.line);
                let cause = first.map_or("", |problem| &problem.cause);
                let step = leaks.first().and_then(|leak| leak.steps.get(1)).cloned().unwrap_or_default();
                let next = if why.next.is_empty() { step } else { why.next };
                let cause = format!("not sealed by this: {} ({cause})", why.cause);
                left.push(Problem::error(why.reason, cause).at(&file, line).next(next));
            }
        }
    }
    let plan = if files.is_empty() { None } else { Some(sealing::seal(session, files, FileEdit::Convert)?) };
    Ok(LeaksSealed { plan, left })
}

/// Tries it: what a rule seals may still leave the leak open, or be no object any more that a controller reads.
fn sealable(tree: &dyn Tree, rules: &Rules, file: &str) -> Result<(), Problem> {
    let refused = |cause: &str| Err(Problem::error(Reason::Refused, cause));
    let Some(bytes) = read(tree, file)? else { return refused("the file is gone") };
    if seal::inspect(file, &bytes, rules).is_some() {
        return refused("the file is sealed already, and a value in it is not");
    }
    if rules.matching(file).is_none_or(|rule| rule.recipients.is_empty()) {
        return refused("no rule of .sops.yaml is for its path");
    }
    let sealed = seal::seal_plain(&bytes, file, rules, jiff::Timestamp::now().as_second())?;
    match seal::findings(file, &sealed, rules).into_iter().next() {
        None => Ok(()),
        Some(rest) => {
            let cause = format!("sealed by its rule, {}", rest.problem.cause);
            Err(Problem::error(Reason::Refused, cause))
        }
    }
}
