//! The history of the demo's repository, read from `story.txt`.

use jiff::Timestamp;
use std::collections::BTreeMap;

const TEXT: &str = include_str!("story.txt");
const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
const AUTHORS: [(&str, &str, &str); 4] = [
    ("ana", "Ana Silva", "ana@shop.example"),
    ("joe", "Joe Lindqvist", "joe@shop.example"),
    ("mia", "Mia Okafor", "mia@shop.example"),
    ("bot", "shop-bot", "bot@shop.example"),
];
const SEALED: [(&str, &str); 9] = [
    ("rules", include_str!("sealed/rules.yaml")),
    ("cart-dev-1", include_str!("sealed/cart-dev-1.yaml")),
    ("cart-staging-1", include_str!("sealed/cart-staging-1.yaml")),
    ("cart-prod-1", include_str!("sealed/cart-prod-1.yaml")),
    ("cart-prod-2", include_str!("sealed/cart-prod-2.yaml")),
    ("pay-dev-1", include_str!("sealed/pay-dev-1.yaml")),
    ("pay-staging-1", include_str!("sealed/pay-staging-1.yaml")),
    ("pay-prod-1", include_str!("sealed/pay-prod-1.yaml")),
    ("pay-prod-2", include_str!("sealed/pay-prod-2.yaml")),
];

/// One commit of the story with the files it writes.
pub(super) struct StoryCommit {
    pub(super) author: &'static str,
    pub(super) email: &'static str,
    pub(super) time: Timestamp,
    /// Minutes that the author's clock is ahead of UTC.
    pub(super) ahead: i32,
    pub(super) message: String,
    /// Path and content; `None` removes the file.
    pub(super) files: BTreeMap<String, Option<String>>,
}

/// A line of `story.txt` that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the demo's story breaks at line {line}: {cause}")]
pub struct StoryError {
    line: usize,
    cause: String,
}

/// All commits of the story, oldest first.
pub(super) fn commits() -> Result<Vec<StoryCommit>, StoryError> {
    let mut teller = Teller::default();
    for (index, line) in TEXT.lines().enumerate() {
        teller.hear(line).map_err(|cause| StoryError { line: index + 1, cause })?;
    }
    teller.finish().map_err(|cause| StoryError { line: TEXT.lines().count(), cause })
}

#[derive(Default)]
struct Teller {
    tree: BTreeMap<String, String>,
    commits: Vec<StoryCommit>,
    command: Option<(String, String)>,
    lines: Vec<String>,
}

impl Teller {
    fn hear(&mut self, line: &str) -> Result<(), String> {
        let Some(words) = line.strip_prefix('@') else {
            if self.command.is_some() {
                self.lines.push(line.to_owned());
            }
            return Ok(());
        };
        self.end_command()?;
        let (verb, rest) = words.split_once(' ').ok_or("a command needs a path")?;
        if verb == "commit" {
            self.commits.push(begin(rest)?);
        }
        self.command = Some((verb.to_owned(), rest.to_owned()));
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<StoryCommit>, String> {
        self.end_command()?;
        Ok(self.commits)
    }

    fn end_command(&mut self) -> Result<(), String> {
        let Some((verb, rest)) = self.command.take() else { return Ok(()) };
        let mut lines = std::mem::take(&mut self.lines);
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        match verb.as_str() {
            "commit" => {
                if let (Some(commit), false) = (self.commits.last_mut(), lines.is_empty()) {
                    commit.message.push('\n');
                    commit.message.push_str(&lines.join("\n"));
                    commit.message.push('\n');
                }
            }
            "write" => self.for_each_environment(&rest, |path, env, tree| {
                tree.insert(path.to_owned(), joined(&lines).replace("{env}", env));
                Ok(())
            })?,
            "replace" => self.for_each_environment(&rest, |path, _, tree| {
                let text = tree.get_mut(path).ok_or_else(|| format!("{path} does not exist"))?;
                *text = replaced(text, &lines).ok_or_else(|| format!("{path} has no such lines"))?;
                Ok(())
            })?,
            "sealed" => {
                let (path, name) = rest.split_once(' ').ok_or("a sealed file needs a name")?;
                let text = SEALED.iter().find(|(n, _)| *n == name).ok_or("no such sealed file")?.1;
                self.for_each_environment(path, |path, _, tree| {
                    tree.insert(path.to_owned(), text.to_owned());
                    Ok(())
                })?;
            }
            "remove" => self.for_each_environment(&rest, |path, _, tree| {
                tree.remove(path).map(|_| ()).ok_or_else(|| format!("{path} does not exist"))
            })?,
            other => return Err(format!("`{other}` is no command")),
        }
        Ok(())
    }

    fn for_each_environment(
        &mut self,
        path: &str,
        change: impl Fn(&str, &str, &mut BTreeMap<String, String>) -> Result<(), String>,
    ) -> Result<(), String> {
        let commit = self.commits.last_mut().ok_or("a file before the first commit")?;
        let environments = if path.contains("{env}") { &ENVIRONMENTS[..] } else { &[""][..] };
        for env in environments {
            let path = path.replace("{env}", env);
            change(&path, env, &mut self.tree)?;
            commit.files.insert(path.clone(), self.tree.get(&path).cloned());
        }
        Ok(())
    }
}

fn begin(rest: &str) -> Result<StoryCommit, String> {
    let mut words = rest.splitn(3, ' ');
    let (Some(who), Some(when), Some(subject)) = (words.next(), words.next(), words.next()) else {
        return Err("a commit needs an author, a time and a subject".to_owned());
    };
    let (_, author, email) =
        AUTHORS.into_iter().find(|(short, ..)| *short == who).ok_or_else(|| format!("who is {who}?"))?;
    let time: Timestamp = when.parse().map_err(|_| format!("`{when}` is no time"))?;
    let zone = when.get(when.len().saturating_sub(6)..).and_then(ahead);
    let ahead = zone.ok_or_else(|| format!("`{when}` has no zone"))?;
    Ok(StoryCommit { author, email, time, ahead, message: format!("{subject}\n"), files: BTreeMap::new() })
}

/// The minutes of a zone such as `+01:00`.
fn ahead(zone: &str) -> Option<i32> {
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let minutes = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
    match zone.get(..1)? {
        "+" => Some(minutes),
        "-" => Some(-minutes),
        _ => None,
    }
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn replaced(text: &str, lines: &[String]) -> Option<String> {
    let side = |sign: char| -> String {
        lines.iter().filter_map(|l| l.strip_prefix(sign)).flat_map(|l| [l, "\n"]).collect()
    };
    let (old, new) = (side('-'), side('+'));
    (!old.is_empty() && text.contains(&old)).then(|| text.replacen(&old, &new, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_story_can_be_told() {
        let commits = commits().expect("every line can be followed");
        assert!(commits.len() >= 40, "{} commits", commits.len());
        let authors: BTreeSet<_> = commits.iter().map(|c| c.author).collect();
        assert_eq!(authors.len(), 4);
        assert!(commits.iter().all(|c| !c.files.is_empty()));
        assert!(commits.is_sorted_by_key(|c| c.time), "commits stand in the order of their times");
    }
}
