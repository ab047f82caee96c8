//! The rehearsed effect of reverts of real commits, against `git revert` and `kubectl kustomize` before and after.

use crate::bundles::{Bundle, key_text, say, seed, sync_of};
use crate::oracle::{Desired, bodies_differ, git, same, try_git};
use crate::support::text;
use crate::trees::Dice;
use sealane::model::{CommitId, Reason};
use sealane::workspace::{Destination, Plan, PlanEffect, Refusal, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A bundle, the entries that its environments have had, and how many reverts are tried at how many heads.
struct Story {
    bundle: &'static str,
    entries: &'static [&'static str],
    heads: usize,
    /// A revert is tried for commits at most this far below the head: further down nearly all conflict.
    near: usize,
    reverts: usize,
}

const STORIES: [Story; 4] = [
    Story { bundle: "caarlos0__home", entries: &[""], heads: 5, near: 40, reverts: 32 },
    Story {
        bundle: "fluxcd__flux2-kustomize-helm-example",
        entries: &["clusters/production", "clusters/staging"],
        heads: 6,
        near: 40,
        reverts: 20,
    },
    Story {
        bundle: "toboshii__home-ops",
        entries: &["cluster/flux", "cluster/base"],
        heads: 4,
        near: 14,
        reverts: 30,
    },
    Story {
        bundle: "budimanjojo__home-cluster",
        entries: &["cluster/base"],
        heads: 3,
        near: 20,
        reverts: 30,
    },
];

/// So many heads are looked at for one at which kustomize refuses nothing; the bundles lack the scripts that some generators
/// name.
const MOST_HEADS: usize = 3;
/// So many heads are taken beside the usual ones where too few commits could be compared: most of those near a head may
/// conflict, or change nothing that both sides can render.
const MORE_HEADS: usize = 4;
/// More Kustomizations do not stand above each other.
const DEEPEST: usize = 20;
const FLUX: &str = "kustomize.toolkit.fluxcd.io";
/// So many lines of what differs are told at once; the end tells all.
const LINES_TOLD: usize = 12;
/// For so many conflicts it is tried whether the later commits that are named do suffice.
const MOST_SUFFICING: usize = 12;

mod corpora {
    use super::*;

    #[test]
    fn a_hundred_reverts_do_what_was_rehearsed() {
        let seed = seed();
        let mut dice = Dice::new(seed);
        let mut tally = Tally::default();
        for story in &STORIES {
            let (started, right) = (Instant::now(), tally.right);
            Repository(Bundle::of(story.bundle)).try_reverts(story, &mut dice, &mut tally);
            let (seconds, right) = (started.elapsed().as_secs(), tally.right - right);
            say(&format!("reverts of {}: {right} as kubectl kustomize says, {seconds} s", story.bundle));
            assert!(
                right * 2 >= story.reverts,
                "seed {seed}: too few reverts of {} were compared",
                story.bundle
            );
        }
        tally.tell(seed);
        assert!(tally.wrong.is_empty(), "seed {seed}: {:#?}", tally.wrong);
        assert!(tally.right >= 100, "seed {seed}: only {} reverts were compared", tally.right);
        assert!(tally.with_effect * 2 >= tally.right, "seed {seed}: most reverts have no effect");
        assert!(tally.conflicts > 0, "seed {seed}: no revert conflicted");
    }
}

#[derive(Default)]
struct Tally {
    right: usize,
    with_effect: usize,
    objects: usize,
    bodies: usize,
    conflicts: usize,
    later_suffice: usize,
    empty: usize,
    without_entry: usize,
    committed: usize,
    firewall: usize,
    not_rendered: usize,
    elsewhere: usize,
    runs: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn tell(&self, seed: u64) {
        let wrong = self.wrong.len();
        let line = format!(
            "reverts, seed {seed}: {} of {} as kubectl kustomize says, {} with an effect, on {} objects; {} bodies the \
             same; {} conflicts of git's ({} with later commits that suffice); {} committed with git's tree, {} stopped \
             by the firewall; {} with parts that both refuse to render; {} after which Sealane sees more environments; {} with nothing to undo, {} that undo the entry itself; kubectl ran {} times",
            self.right,
            self.right + wrong,
            self.with_effect,
            self.objects,
            self.bodies,
            self.conflicts,
            self.later_suffice,
            self.committed,
            self.firewall,
            self.not_rendered,
            self.elsewhere,
            self.empty,
            self.without_entry,
            self.runs,
        );
        say(&line);
    }
}

struct Repository(Bundle);

impl Repository {
    fn try_reverts(&mut self, story: &Story, dice: &mut Dice, tally: &mut Tally) {
        let line = self.0.line();
        let mut wanted = tally.right + tally.wrong.len();
        let mut heads = BTreeSet::new();
        let target = wanted + story.reverts;
        for head in 0..story.heads + MORE_HEADS {
            if head >= story.heads && tally.right + tally.wrong.len() >= target {
                break;
            }
            let (place, entries) = self.head(&line, story, &heads, dice);
            heads.insert(place);
            git(&self.0.clone, &["checkout", "--quiet", "-B", "main", &line[place]]);
            let workspace = self.0.open();
            let before: Vec<Desired> =
                entries.iter().map(|entry| self.0.oracle.desired(&line[place], entry)).collect();
            let known = self.environments(&workspace, &line[place]);
            wanted += story.reverts / story.heads + usize::from(head < story.reverts % story.heads);
            wanted = if head < story.heads { wanted } else { target };
            let mut near: Vec<&String> = line[place..].iter().take(story.near).collect();
            near.truncate(near.len().saturating_sub(1));
            while tally.right + tally.wrong.len() < wanted && !near.is_empty() {
                let commit = near.swap_remove(dice.below(near.len())).clone();
                let what = format!("{}: revert {commit} on {}", story.bundle, line[place]);
                let tried =
                    Trial { known: &known, what, head: &line[place], commit: &commit, entries: &entries };
                self.one(&workspace, &tried, &before, tally);
            }
        }
        tally.runs += self.0.oracle.runs;
    }

    /// A place in history, not taken yet, at which there is an entry, and its entries. A head with artifacts that an
    /// `ArtifactGenerator` puts together is not taken: that is no work of kustomize's.
    fn head(
        &mut self,
        line: &[String],
        story: &Story,
        taken: &BTreeSet<usize>,
        dice: &mut Dice,
    ) -> (usize, Vec<&'static str>) {
        for attempt in 0.. {
            let place = dice.below(line.len() - 2);
            if taken.contains(&place) {
                continue;
            }
            let there = |entry: &&&str| self.0.oracle.has(&line[place], sync_of(entry));
            let entries: Vec<&str> = story.entries.iter().filter(there).copied().collect();
            let mut own = |entry: &&str| {
                let desired = self.0.oracle.desired(&line[place], entry);
                desired.composed.is_empty() && (desired.failed.is_empty() || attempt > MOST_HEADS)
            };
            if !entries.is_empty() && entries.iter().all(&mut own) {
                return (place, entries);
            }
        }
        unreachable!("attempts do not end")
    }

    fn environments(&self, workspace: &Workspace, head: &str) -> BTreeSet<String> {
        let rendered = self.0.runtime.block_on(workspace.rendered(Some(head.to_owned())));
        rendered
            .expect("the head can be read")
            .iter()
            .map(|environment| environment.name.to_string())
            .collect()
    }

    fn id(&self, workspace: &Workspace, commit: &str) -> CommitId {
        self.0.runtime.block_on(workspace.resolve(commit)).expect("git told this id")
    }

    /// One trial; what differs is told at once, since the whole takes minutes.
    fn one(&mut self, workspace: &Workspace, trial: &Trial, before: &[Desired], tally: &mut Tally) {
        let known = tally.wrong.len();
        self.judge(workspace, trial, before, tally);
        for differs in &tally.wrong[known..] {
            say(&differs.lines().take(LINES_TOLD).collect::<Vec<_>>().join("\n"));
        }
    }

    fn judge(&mut self, workspace: &Workspace, trial: &Trial, before: &[Desired], tally: &mut Tally) {
        let truth = self.revert(trial);
        let id = self.id(workspace, trial.commit);
        let plan = self.0.runtime.block_on(workspace.plan_revert(&[id]));
        match (truth, plan) {
            (Err(files), Err(refusal)) => self.conflict(workspace, trial, &files, &refusal, tally),
            (Ok(reverted), Ok(plan)) if reverted == trial.head => {
                tally.empty += 1;
                if !plan.files.is_empty() || !plan.effects.is_empty() {
                    tally.wrong.push(format!(
                        "{}: git has nothing to undo, ours: {:?}",
                        trial.what,
                        signs(&plan.effects, trial)
                    ));
                }
            }
            (Ok(reverted), Ok(plan)) => self.compare(workspace, trial, before, &reverted, plan, tally),
            (Err(files), Ok(_)) => tally.wrong.push(format!("{}: git conflicts in {files:?}", trial.what)),
            (Ok(_), Err(refusal)) => {
                tally.wrong.push(format!("{}: git reverts it, ours: {}", trial.what, refusal.problem));
            }
        }
    }

    /// What `git revert` makes of it: a commit, or the files that conflict.
    fn revert(&self, trial: &Trial) -> Result<String, BTreeSet<String>> {
        git(&self.0.beside, &["checkout", "--quiet", "--force", "--detach", trial.head]);
        let parents = git(&self.0.beside, &["rev-list", "--parents", "-n1", trial.commit]);
        let mut words = vec!["revert", "--no-edit"];
        if parents.split(' ').count() > 2 {
            words.extend(["-m", "1"]);
        }
        words.push(trial.commit);
        let output = try_git(&self.0.beside, &words);
        if output.status.success() {
            return Ok(git(&self.0.beside, &["rev-parse", "HEAD"]));
        }
        let unmerged = git(&self.0.beside, &["diff", "--name-only", "--diff-filter=U"]);
        let said = text(&output.stdout) + &text(&output.stderr);
        git(&self.0.beside, &["reset", "--quiet", "--hard"]);
        if unmerged.is_empty() {
            assert!(
                said.contains("nothing to commit") || said.contains("nothing added"),
                "{}: {said}",
                trial.what
            );
            return Ok(trial.head.to_owned());
        }
        Err(unmerged.lines().map(str::to_owned).collect())
    }

    /// The files that a commit changed, under both names where it renamed one: git may tell a conflict of a renamed file
    /// under its new name.
    fn touched(&self, commit: &str) -> Vec<String> {
        let words =
            ["diff-tree", "-r", "-m", "--root", "--no-renames", "--name-only", "--no-commit-id", commit];
        git(&self.0.clone, &words).lines().map(str::to_owned).collect()
    }

    fn conflict(
        &self,
        workspace: &Workspace,
        trial: &Trial,
        files: &BTreeSet<String>,
        refusal: &Refusal,
        tally: &mut Tally,
    ) {
        let said = refusal.problem.to_string();
        if refusal.problem.reason != Reason::Conflict
            || !self.touched(trial.commit).iter().any(|file| said.contains(file))
        {
            tally.wrong.push(format!("{}: git conflicts in {files:?}, ours: {said}", trial.what));
            return;
        }
        tally.conflicts += 1;
        // Each costs another rehearsal: some are enough.
        if refusal.also.is_empty() || tally.later_suffice >= MOST_SUFFICING {
            return;
        }
        tally.later_suffice += 1;
        let mut all: Vec<CommitId> = refusal.also.iter().map(|commit| commit.id).collect();
        all.push(self.id(workspace, trial.commit));
        if let Err(refusal) = self.0.runtime.block_on(workspace.plan_revert(&all)) {
            let said = &refusal.problem;
            tally.wrong.push(format!("{}: the later commits do not suffice: {said}", trial.what));
        }
    }

    fn compare(
        &mut self,
        workspace: &Workspace,
        trial: &Trial,
        before: &[Desired],
        reverted: &str,
        plan: Plan,
        tally: &mut Tally,
    ) {
        let mut wrong = Vec::new();
        let mut expected = BTreeMap::new();
        let mut failed = BTreeSet::new();
        for (entry, before) in trial.entries.iter().zip(before) {
            if !self.0.oracle.has(reverted, sync_of(entry)) {
                // Nothing is left that a cluster is told to apply: that is no effect on objects.
                tally.without_entry += 1;
                return;
            }
            let after = self.0.oracle.desired(reverted, entry);
            for (key, sign) in effect(before, &after) {
                expected.insert((environment(trial, entry), key), sign);
            }
            let said = before.failed.iter().chain(&after.failed);
            failed.extend(said.map(|(key, said)| format!("{key}: {}", said.lines().last().unwrap_or(""))));
            if before.remote != after.remote && plan.not_rendered.is_empty() {
                wrong.push("a remote entry differs, and nothing is called not rendered".to_owned());
            }
            let sealane = self.0.runtime.block_on(workspace.rendered(Some(reverted.to_owned())));
            let sealane = sealane.expect("the commit can be read");
            let own =
                sealane.iter().find(|e| trial.entries.len() == 1 || *e.name == *environment(trial, entry));
            let own = own.unwrap_or_else(|| panic!("{}: there is no environment for {entry}", trial.what));
            let bodies = own.objects.iter().map(|object| (key_text(&object.key), object.yaml.as_str()));
            wrong.extend(bodies_differ(&after, bodies, &mut tally.bodies));
        }
        if !failed.is_empty() && plan.not_rendered.is_empty() {
            wrong.push(format!("kustomize refuses {failed:?}, and nothing is called not rendered"));
        }
        // A Kustomization that nobody renders any more is an environment of its own to Sealane.
        let (here, elsewhere): (Vec<PlanEffect>, Vec<PlanEffect>) =
            plan.effects.iter().cloned().partition(|effect| trial.known.contains(&*effect.environment));
        tally.elsewhere += usize::from(!elsewhere.is_empty());
        let found = signs(&here, trial);
        wrong.extend(both_ways(&expected, &found));
        tally.not_rendered += usize::from(!failed.is_empty());
        self.commit(workspace, trial, reverted, plan, &mut wrong, tally);
        if wrong.is_empty() && !failed.is_empty() && expected.is_empty() {
            // Right in saying that it cannot be told, but nothing was compared.
        } else if wrong.is_empty() {
            tally.right += 1;
            tally.with_effect += usize::from(!expected.is_empty());
            tally.objects += expected.len();
        } else {
            tally.wrong.push(format!("{}: {wrong:#?}", trial.what));
        }
    }

    /// Commits the plan on a branch: its tree is the one that git made.
    fn commit(
        &self,
        workspace: &Workspace,
        trial: &Trial,
        reverted: &str,
        plan: Plan,
        wrong: &mut Vec<String>,
        tally: &mut Tally,
    ) {
        if plan.files.is_empty() {
            return;
        }
        let branch = format!("undo-{}-on-{}", trial.commit, trial.head);
        let tree = |name: &str| git(&self.0.clone, &["rev-parse", &format!("{name}^{{tree}}")]);
        match self.0.runtime.block_on(workspace.commit(plan, Destination::Branch(branch.clone()))) {
            Ok(_) if tree(&branch) == tree(reverted) => tally.committed += 1,
            Ok(_) => {
                let differs = git(&self.0.clone, &["diff", "--stat", reverted, &branch]);
                wrong.push(format!("git revert makes another tree:\n{differs}"));
            }
            Err(problem) if problem.reason == Reason::Plaintext || problem.reason == Reason::Refused => {
                tally.firewall += 1;
            }
            Err(problem) => wrong.push(format!("it cannot be committed: {problem}")),
        }
    }
}

struct Trial<'a> {
    /// The environments that there are at the head.
    known: &'a BTreeSet<String>,
    what: String,
    head: &'a str,
    commit: &'a str,
    entries: &'a [&'static str],
}

/// The environment of an entry; empty where there is only one.
fn environment(trial: &Trial, entry: &str) -> String {
    if trial.entries.len() == 1 { String::new() } else { entry.rsplit('/').next().unwrap_or("").to_owned() }
}

/// The set difference of two sides, leaving out what is made by a Kustomization that kustomize refused on one of them, or
/// that such a one makes.
fn effect(before: &Desired, after: &Desired) -> BTreeMap<String, char> {
    let failed: BTreeSet<&String> = before.failed.keys().chain(after.failed.keys()).collect();
    let keys: BTreeSet<&String> = before.objects.keys().chain(after.objects.keys()).collect();
    let sign = |key: &String| match (before.objects.get(key), after.objects.get(key)) {
        (None, Some(_)) => Some('+'),
        (Some(_), None) => Some('-'),
        (None, None) => None,
        (Some(a), Some(b)) => (!same(a, b)).then_some('~'),
    };
    let owner = |key: &str| {
        let body = after.objects.get(key).or_else(|| before.objects.get(key))?;
        let label = |what: &str| body["metadata"]["labels"][format!("{FLUX}/{what}")].as_str();
        Some(format!("{}/{}", label("namespace")?, label("name")?))
    };
    let is_unknown = |key: &str| {
        let above = |made: &String| {
            let next = owner(&format!("{FLUX}/Kustomization/{made}"))?;
            (next != *made).then_some(next)
        };
        std::iter::successors(owner(key), above).take(DEEPEST).any(|made| failed.contains(&made))
    };
    keys.into_iter()
        .filter(|key| !is_unknown(key))
        .filter_map(|key| Some((key.clone(), sign(key)?)))
        .collect()
}

fn signs(effects: &[PlanEffect], trial: &Trial) -> BTreeMap<(String, String), char> {
    let single = trial.entries.len() == 1;
    let of = |effect: &PlanEffect| {
        let environment = if single { String::new() } else { effect.environment.to_string() };
        // A name that is nothing but a variable which is set nowhere is none; a server takes no such object.
        let is_named = |name: &str| !(name.starts_with("${") && name.find('}') == Some(name.len() - 1));
        let named = effect.objects.iter().filter(|object| is_named(&object.key.name));
        let objects = named.map(|object| (key_text(&object.key), object.sign));
        objects.map(|(key, sign)| ((environment.clone(), key), sign)).collect::<Vec<_>>()
    };
    effects.iter().flat_map(of).collect()
}

fn both_ways(
    expected: &BTreeMap<(String, String), char>,
    found: &BTreeMap<(String, String), char>,
) -> Vec<String> {
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    keys.into_iter()
        .filter(|key| expected.get(key) != found.get(key))
        .map(|key| format!("{key:?}: kustomize {:?}, rehearsed {:?}", expected.get(key), found.get(key)))
        .collect()
}
