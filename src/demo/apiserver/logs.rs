//! Logs of containers, as `pods/log` serves them.

use std::collections::BTreeMap;

/// Lines that are kept of one container.
const MOST: usize = 2000;

/// The logs of all containers, by namespace, Pod and container.
#[derive(Default)]
pub(super) struct Logs(BTreeMap<(String, String, String), Log>);

/// One container's log.
#[derive(Default)]
pub(super) struct Log {
    /// How many lines were dropped at the front.
    dropped: usize,
    /// Time and text.
    lines: Vec<(String, String)>,
}

impl Logs {
    pub(super) fn push(&mut self, namespace: &str, pod: &str, container: &str, time: String, line: &str) {
        let log = self.0.entry((namespace.to_owned(), pod.to_owned(), container.to_owned())).or_default();
        log.lines.push((time, line.to_owned()));
        if log.lines.len() > MOST {
            log.lines.remove(0);
            log.dropped += 1;
        }
    }

    /// Lines from number `from` on, and the number after the last one.
    pub(super) fn since(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        from: usize,
    ) -> (Vec<(String, String)>, usize) {
        let Some(log) = self.0.get(&(namespace.to_owned(), pod.to_owned(), container.to_owned())) else {
            return (Vec::new(), from);
        };
        let skip = from.saturating_sub(log.dropped).min(log.lines.len());
        (log.lines[skip..].to_vec(), log.dropped + log.lines.len())
    }

    pub(super) fn forget(&mut self, namespace: &str, pod: &str) {
        self.0.retain(|(n, p, _), _| n != namespace || p != pod);
    }
}
