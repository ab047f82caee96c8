//! Results remembered by what was looked at to make them: whoever sees the same gets the same.

use super::recorded::{Probe, Record, Sight, coarse, folder_of, is_inside};
use crate::model::ObjectKey;
use crate::yaml::{Node, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets of probes kept for one task: which files a folder reads rarely changes, what is in them often does.
const MOST_SETS: usize = 8;
/// More tasks than this are of repositories that nobody looks at any more: then all is forgotten.
const MOST_TASKS: usize = 100_000;

/// What a second way to a result weighs: its sights.
const ALIAS: usize = 128;

/// Results by task and by what was seen. When it is full, the half that was not used lately is dropped.
pub(super) struct Remembered<T> {
    shelves: Mutex<Shelves<T>>,
    /// What may be kept on one shelf, in the unit of the weights.
    budget: usize,
}

struct Shelves<T> {
    sets: HashMap<u64, Vec<Set>>,
    young: HashMap<Key, (T, usize)>,
    old: HashMap<Key, (T, usize)>,
    weight: usize,
    next: u64,
}

/// Probes that were made together, and coarser ones that stand for them; each with a number of its own.
#[derive(Clone)]
struct Set {
    fine: (u64, Arc<[Probe]>),
    coarse: (u64, Arc<[Probe]>),
    /// The folder that each of the fine ones is in, as a coarse probe.
    folders: Arc<[Option<Probe>]>,
    /// What was seen the last time: of the folders and of the fine ones.
    last: Option<Arc<Look>>,
}

/// What was seen of the folders, and of the fine probes.
type Look = (Vec<Option<Sight>>, Box<[Sight]>);

impl Set {
    fn new(numbers: (u64, u64), probes: Vec<Probe>) -> Self {
        Self {
            folders: probes.iter().map(folder_of).collect(),
            coarse: (numbers.0, coarse(&probes).into()),
            fine: (numbers.1, probes.into()),
            last: None,
        }
    }

    /// Looks at all fine probes; in folders that are as they were the last time, what they showed then is true now.
    fn look(&self, look: &dyn Fn(&Probe) -> Option<Sight>) -> Option<Look> {
        let mut folders: Vec<Option<Sight>> = Vec::with_capacity(self.folders.len());
        let mut sights = Vec::with_capacity(self.folders.len());
        // The outermost folder known to be the same.
        let mut same: Option<&Arc<str>> = None;
        for (place, (probe, folder)) in self.fine.1.iter().zip(self.folders.iter()).enumerate() {
            let known = self.last.as_ref().and_then(|last| Some((last.0[place]?, last.1[place])));
            let path = match folder {
                Some(Probe::Whole(path)) => Some(path),
                _ => None,
            };
            let now = match (folder, path) {
                (Some(_), Some(path)) if same.is_some_and(|same| is_inside(path, same)) => known.map(|k| k.0),
                (Some(_), Some(_)) if place > 0 && self.folders[place - 1] == *folder => folders[place - 1],
                (Some(folder), _) => look(folder),
                _ => None,
            };
            let kept = known.filter(|(folder, _)| now == Some(*folder)).map(|(_, sight)| sight);
            if kept.is_some() && !same.is_some_and(|same| path.is_some_and(|path| is_inside(path, same))) {
                same = path;
            }
            folders.push(now);
            sights.push(match kept {
                Some(sight) => sight,
                None => look(probe)?,
            });
        }
        Some((folders, sights.into()))
    }
}

/// The number of a set of probes, and what they showed.
type Key = (u64, Box<[Sight]>);

impl<T: Clone> Remembered<T> {
    /// A memory for results that together weigh about `budget`.
    pub fn new(budget: usize) -> Self {
        let shelves =
            Shelves { sets: HashMap::new(), young: HashMap::new(), old: HashMap::new(), weight: 0, next: 0 };
        Self { shelves: Mutex::new(shelves), budget: budget / 2 }
    }

    /// The result of a task that saw what `look` sees now.
    pub fn find(&self, task: u64, look: &dyn Fn(&Probe) -> Option<Sight>) -> Option<T> {
        let sets = self.lock().sets.get(&task).cloned()?;
        sets.iter().rev().find_map(|set| {
            let (number, probes) = &set.coarse;
            let sights: Option<Box<[Sight]>> = probes.iter().map(look).collect();
            let coarse: Option<Key> = sights.map(|sights| (*number, sights));
            if let Some(result) = coarse.as_ref().and_then(|coarse| self.lock().take(coarse)) {
                return Some(result);
            }
            let (folders, sights) = set.look(look)?;
            let fine = (set.fine.0, sights);
            let mut shelves = self.lock();
            let result = shelves.take(&fine)?;
            if let Some(coarse) = coarse {
                shelves.put(coarse, (result.clone(), ALIAS), self.budget);
            }
            shelves.saw(task, folders, fine);
            Some(result)
        })
    }

    /// Keeps the result of a task.
    pub fn keep(&self, task: u64, record: Record, result: T, weight: usize) {
        let (probes, sights): (Vec<Probe>, Vec<Sight>) = record.into_iter().unzip();
        let mut shelves = self.lock();
        let number = shelves.number(task, probes);
        shelves.put((number, sights.into()), (result, weight), self.budget);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shelves<T>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Shelves<T> {
    fn take(&mut self, key: &Key) -> Option<T> {
        if let Some((result, _)) = self.young.get(key) {
            return Some(result.clone());
        }
        let (key, (result, weight)) = self.old.remove_entry(key)?;
        self.weight += weight;
        self.young.insert(key, (result.clone(), weight));
        Some(result)
    }

    fn put(&mut self, key: Key, entry: (T, usize), budget: usize) {
        if self.weight + entry.1 > budget {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += entry.1;
        if let Some((_, weight)) = self.young.insert(key, entry) {
            self.weight -= weight;
        }
    }

    /// Notes what was seen where a result was found.
    fn saw(&mut self, task: u64, folders: Vec<Option<Sight>>, (number, sights): Key) {
        let set = self.sets.get_mut(&task).and_then(|sets| sets.iter_mut().find(|s| s.fine.0 == number));
        if let Some(set) = set {
            set.last = Some(Arc::new((folders, sights)));
        }
    }

    fn number(&mut self, task: u64, probes: Vec<Probe>) -> u64 {
        if self.sets.len() >= MOST_TASKS {
            *self =
                Self { sets: HashMap::new(), young: HashMap::new(), old: HashMap::new(), weight: 0, ..*self };
        }
        let sets = self.sets.entry(task).or_default();
        if let Some(set) = sets.iter().find(|set| *set.fine.1 == *probes) {
            return set.fine.0;
        }
        if sets.len() >= MOST_SETS {
            sets.remove(0);
        }
        self.next += 2;
        sets.push(Set::new((self.next - 1, self.next), probes));
        self.next
    }
}

/// Things by number: equal ones have the same. A number is given once and never again.
pub(super) struct Numbered<T>(Mutex<(u64, Versions<T>)>);

/// Versions of things, each with its number, by what they go by.
type Versions<T> = HashMap<ObjectKey, Vec<(u64, T)>>;

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self(Mutex::new((0, HashMap::new())))
    }
}

/// Versions of one thing that are told apart; older ones get another number when they come back.
const MOST_VERSIONS: usize = 64;

impl<T: Clone> Numbered<T> {
    /// The number of a thing that goes by `key`; never 0.
    pub fn of(&self, key: &ObjectKey, thing: &T, same: impl Fn(&T, &T) -> bool) -> u64 {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, all) = &mut *guard;
        if all.len() >= MOST_TASKS {
            all.clear();
        }
        let versions = match all.get_mut(key) {
            Some(versions) => versions,
            None => all.entry(key.clone()).or_default(),
        };
        if let Some((number, _)) = versions.iter().rev().find(|(_, known)| same(known, thing)) {
            return *number;
        }
        if versions.len() >= MOST_VERSIONS {
            versions.remove(0);
        }
        *last += 1;
        versions.push((*last, thing.clone()));
        *last
    }
}

/// True if two nodes say the same at the same places. Opened values are the same only where they are one buffer.
pub(super) fn same_node(one: &Node, other: &Node) -> bool {
    one.mark == other.mark
        && match (&one.value, &other.value) {
            (Value::Scalar(a), Value::Scalar(b)) => a == b,
            (Value::Secret(a), Value::Secret(b)) => a == b,
            (Value::Seq(a), Value::Seq(b)) => {
                Arc::ptr_eq(a, b)
                    || a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_node(a, b))
            }
            (Value::Map(a), Value::Map(b)) => {
                Arc::ptr_eq(a, b)
                    || a.entries.len() == b.entries.len()
                        && a.entries
                            .iter()
                            .zip(&b.entries)
                            .all(|(a, b)| a.key == b.key && same_node(&a.value, &b.value))
            }
            _ => false,
        }
}

/// About how many bytes a node takes that shares nothing with another one.
pub(super) fn weight_of(node: &Node) -> usize {
    /// An entry of a mapping, with its scalar's text and what the allocator adds.
    const ENTRY: usize = 128;
    match &node.value {
        Value::Scalar(scalar) => ENTRY + scalar.text.len(),
        Value::Secret(_) => ENTRY,
        Value::Seq(items) => ENTRY + items.iter().map(weight_of).sum::<usize>(),
        Value::Map(map) => ENTRY + map.iter().map(|(_, value)| weight_of(value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(name: &str) -> Probe {
        Probe::Entry(name.into())
    }

    #[test]
    fn the_same_sights_give_the_same_result_and_others_none() {
        let memory = Remembered::new(10_000);
        let record = |folder| vec![(probe("a"), Sight::Folder), (probe("b"), folder)];
        memory.keep(1, record(Sight::Nothing), "first", 10);
        memory.keep(1, record(Sight::Submodule), "second", 10);
        memory.keep(1, vec![(probe("c"), Sight::Folder)], "third", 10);
        let find = |task, b, c| {
            memory.find(task, &|p| match p {
                p if *p == probe("a") => Some(Sight::Folder),
                p if *p == probe("b") => Some(b),
                Probe::Whole(_) => None,
                _ => Some(c),
            })
        };
        assert_eq!(find(1, Sight::Nothing, Sight::Nothing), Some("first"));
        assert_eq!(find(1, Sight::Submodule, Sight::Nothing), Some("second"));
        assert_eq!(find(1, Sight::Folder, Sight::Folder), Some("third"));
        assert_eq!(find(1, Sight::Folder, Sight::Nothing), None);
        assert_eq!(find(2, Sight::Nothing, Sight::Nothing), None);
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let memory = Remembered::new(40);
        let one = |task: u64| vec![(probe(&task.to_string()), Sight::Folder)];
        let find = |task| {
            memory.find(task, &|probe| match probe {
                Probe::Whole(_) => None,
                _ => Some(Sight::Folder),
            })
        };
        for task in 0..100 {
            memory.keep(task, one(task), task, 10);
            assert_eq!(find(0), Some(0), "used all the time");
        }
        assert_eq!(find(50), None);
        assert!((0..100).filter(|task| find(*task).is_some()).count() <= 4, "40 hold four of 10");
    }

    #[test]
    fn numbers_are_of_things_and_never_given_twice() {
        let numbered = Numbered::default();
        let key = ObjectKey::new("", "ConfigMap", "a", "b");
        let of = |n: u32| numbered.of(&key, &n, |a, b| a == b);
        let first = of(1);
        assert_ne!(first, of(2));
        assert_eq!(first, of(1));
        assert!((10..100).all(|n| of(n) > first));
        assert!(of(1) > first, "forgotten, and a new number");
    }
}
