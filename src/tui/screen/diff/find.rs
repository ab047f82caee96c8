//! Where a field stands in YAML as Go prints it.

use crate::model::{FieldPath, FieldStep};

/// The lines of a field in YAML as Go prints it: two blanks a level, dashes at their parent's level.
pub(super) fn find(lines: &[&str], path: &FieldPath) -> Option<std::ops::Range<usize>> {
    let mut range = 0..lines.len();
    let mut indent = 0;
    // The line that carries a dash in front of its first key.
    let mut dash = None;
    for step in &path.0 {
        let level = |at: usize| {
            let line = lines[at];
            let blanks = line.len() - line.trim_start().len();
            if dash == Some(at) { blanks + 2 } else { blanks }
        };
        match step {
            FieldStep::Key(key) => {
                let at = range.clone().find(|at| {
                    let text = lines[*at].trim_start();
                    let text = if dash == Some(*at) { text.trim_start_matches("- ") } else { text };
                    level(*at) == indent && key_of(text) == Some(key)
                })?;
                let end = (at + 1..range.end).find(|n| {
                    level(*n) < indent || (level(*n) == indent && !lines[*n].trim_start().starts_with("- "))
                });
                range = at..end.unwrap_or(range.end);
                let deeper = range.clone().nth(1).map_or(indent + 2, level);
                indent = deeper.max(indent);
            }
            FieldStep::Item(_) | FieldStep::Index(_) => {
                let starts: Vec<usize> = (range.start..range.end)
                    .filter(|at| lines[*at].trim_start().starts_with("- ") && level(*at) == indent)
                    .collect();
                let chosen = starts.iter().enumerate().find_map(|(number, start)| {
                    let end = starts.get(number + 1).copied().unwrap_or(range.end);
                    element(step, number, &lines[*start..end]).then_some(*start..end)
                })?;
                dash = Some(chosen.start);
                range = chosen;
                indent += 2;
            }
        }
    }
    Some(range)
}

fn key_of(text: &str) -> Option<&str> {
    text.split_once(':').map(|(key, _)| key.trim_matches(['"', '\'']))
}

fn element(step: &FieldStep, number: usize, lines: &[&str]) -> bool {
    match step {
        FieldStep::Index(wanted) => *wanted == number,
        FieldStep::Item(item) => item.split(',').all(|part| {
            lines.iter().any(|line| {
                let text = line.trim_start().trim_start_matches("- ");
                let value = text.split_once(": ").map_or(text, |(_, value)| value);
                value.trim_matches(['"', '\'']) == part
            })
        }),
        FieldStep::Key(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn path(steps: &[FieldStep]) -> FieldPath {
        FieldPath(steps.to_vec())
    }

    fn key(name: &str) -> FieldStep {
        FieldStep::Key(Arc::from(name))
    }

    const YAML: &str = "\
kind: Deployment
spec:
  replicas: 3
  template:
    spec:
      containers:
      - env:
        - name: A
          value: \"1\"
        image: proxy:1
        name: proxy
      - image: cart:2
        name: cart
        ports:
        - containerPort: 80
          protocol: TCP
  x: 1";

    #[test]
    fn a_field_is_found_in_yaml() {
        let lines: Vec<&str> = YAML.lines().collect();
        let containers = [key("spec"), key("template"), key("spec"), key("containers")];
        let inside = |rest: &[FieldStep]| path(&[&containers[..], rest].concat());
        let item = |name: &str| FieldStep::Item(Arc::from(name));
        for (path, first) in [
            (path(&[key("spec"), key("replicas")]), Some("  replicas: 3")),
            (inside(&[item("cart"), key("image")]), Some("      - image: cart:2")),
            (inside(&[item("proxy"), key("image")]), Some("        image: proxy:1")),
            (inside(&[FieldStep::Index(1), key("name")]), Some("        name: cart")),
            (
                inside(&[item("cart"), key("ports"), item("80,TCP"), key("protocol")]),
                Some("          protocol: TCP"),
            ),
            (inside(&[item("none")]), None),
            (path(&[key("spec"), key("x")]), Some("  x: 1")),
        ] {
            assert_eq!(find(&lines, &path).map(|range| lines[range.start]), first, "{path}");
        }
    }
}
