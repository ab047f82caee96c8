//! Files to objects, each file read once: the document cache and the rules of reading (render.md 2.3).

use super::commented::Comments;
use super::config::Config;
use super::error::{BuildError, Cause};
use super::loader::Loaded;
use super::model::Kustomization;
use super::parsed::Reading;
use super::resource::{Resource, is_nil_or_empty};
use super::{json_spelling, patches};
use crate::model::{ContentId, Origin};
use crate::render::ahead;
use crate::yaml::{Dialect, Limits, Node, ScalarKind, Stream, Value, json_number, read_stream};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Fewer files than this are parsed by one thread.
const WORTH_THREADS: usize = 16;

/// Objects of a file as they were declared, or why it has none.
pub type Objects = Arc<Result<Vec<Resource>, BuildError>>;
/// A kustomization as it was written, or why it is none.
pub type Model = Arc<Result<Kustomization, BuildError>>;

/// Parsed files by path and content, shared by all builds of all revisions.
///
/// It holds ciphertext and plain manifests only, never opened values. When it is full, the half that was not
/// used lately is dropped.
pub struct DocumentCache {
    shelves: Mutex<Shelves>,
    budget: usize,
    limits: Limits,
    workers: usize,
    /// The default field specs.
    pub(super) defaults: Arc<Config>,
}

#[derive(Default)]
struct Shelves {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
    bytes: usize,
}

type Key = (Arc<str>, ContentId);

#[derive(Clone, Default)]
struct Entry {
    objects: Option<Objects>,
    model: Option<Model>,
    patch: Option<Reading>,
    bytes: usize,
}

impl Default for DocumentCache {
    /// A cache for 24 MiB of source text, which are about ten times as much as nodes, filled by all cores.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(24 << 20, Limits::default()).with_workers(workers)
    }
}

impl DocumentCache {
    /// A cache for about `budget` bytes of source text, reading files within `limits`.
    pub fn new(budget: usize, limits: Limits) -> Self {
        Self {
            shelves: Mutex::default(),
            budget: budget / 2,
            limits,
            workers: 1,
            defaults: Config::defaults(),
        }
    }

    /// The cache, filled by so many threads where one build names many files.
    #[must_use]
    pub fn with_workers(self, workers: usize) -> Self {
        Self { workers: workers.max(1), ..self }
    }

    /// How much of an untrusted file is read.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The objects of a file.
    pub fn objects(&self, file: &Loaded) -> Objects {
        if let Some(found) = self.entry(file).objects {
            return found;
        }
        let read = Arc::new(objects_of(&file.bytes, &file.path, &self.limits));
        self.keep(file, |entry| entry.objects = Some(read.clone()));
        read
    }

    /// True if so many files are worth more than one thread, and there is more than one.
    pub fn is_worth_threads(&self, files: usize) -> bool {
        self.workers > 1 && files >= WORTH_THREADS
    }

    /// The objects of many files, in their order.
    pub fn all_objects(&self, files: &[Loaded]) -> Vec<Objects> {
        let known: Vec<OnceLock<Objects>> = files
            .iter()
            .map(|file| self.entry(file).objects.map_or_else(OnceLock::new, OnceLock::from))
            .collect();
        let unknown: Vec<usize> = (0..files.len()).filter(|at| known[*at].get().is_none()).collect();
        let workers = if self.is_worth_threads(unknown.len()) { self.workers } else { 1 };
        ahead::each(workers, &unknown, |at| {
            known[*at].get_or_init(|| self.objects(&files[*at]));
        });
        known
            .into_iter()
            .zip(files)
            .map(|(cell, file)| cell.into_inner().unwrap_or_else(|| self.objects(file)))
            .collect()
    }

    /// The kustomization of a file.
    pub fn model(&self, file: &Loaded) -> Model {
        if let Some(found) = self.entry(file).model {
            return found;
        }
        let read = Arc::new(Kustomization::read(&file.bytes, &file.path, &self.limits));
        self.keep(file, |entry| entry.model = Some(read.clone()));
        read
    }

    /// The patch of a file.
    pub fn patch(&self, file: &Loaded) -> Reading {
        if let Some(found) = self.entry(file).patch {
            return found;
        }
        let text = String::from_utf8_lossy(&file.bytes);
        let read = Arc::new(patches::parse(&text, &file.path, &self.limits));
        self.keep(file, |entry| entry.patch = Some(read.clone()));
        read
    }

    fn entry(&self, file: &Loaded) -> Entry {
        let key = (file.path.clone(), file.id);
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shelves.young.get(&key) {
            return entry.clone();
        }
        let Some(entry) = shelves.old.remove(&key) else { return Entry::default() };
        shelves.bytes += entry.bytes;
        shelves.young.insert(key, entry.clone());
        entry
    }

    fn keep(&self, file: &Loaded, change: impl FnOnce(&mut Entry)) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.bytes + file.bytes.len() > self.budget {
            shelves.old = std::mem::take(&mut shelves.young);
            shelves.bytes = 0;
        }
        let entry = shelves.young.entry((file.path.clone(), file.id)).or_default();
        let before = std::mem::replace(&mut entry.bytes, file.bytes.len());
        change(entry);
        shelves.bytes += file.bytes.len() - before.min(file.bytes.len());
    }
}

/// What a pointer of git-lfs begins with (its "spec.md", "The Pointer").
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// All objects of a text: documents, lists unwrapped, each with kind and name.
pub fn objects_of(bytes: &[u8], file: &Arc<str>, limits: &Limits) -> Result<Vec<Resource>, BuildError> {
    let stream = read_stream(bytes, file, Dialect::Resource, limits);
    if let Some(error) = stream.errors.first() {
        return Err(Cause::MalformedYaml(error.message.clone()).at(file, error.line));
    }
    let comments = Comments::of(bytes);
    let pieces = unwrap_single_list(&stream, bytes, file)?;
    let mut queue: std::collections::VecDeque<(Node, u32)> = pieces.into();
    let mut objects = Vec::with_capacity(queue.len());
    while let Some((body, line)) = queue.pop_front() {
        if is_nil_or_empty(&body) {
            continue;
        }
        if bytes.starts_with(LFS_POINTER) {
            return Err(Cause::Pointer.at(file, line));
        }
        check(&body, file, line)?;
        let items = body.str_at(&["kind"]).filter(|k| k.ends_with("List")).and_then(|_| body.get("items"));
        if let Some(items) = items {
            // Items are appended to the end of the queue, as upstream does.
            queue.extend(list_items(items, file, line)?);
        } else {
            let origin = Origin { file: file.clone(), line, ..Origin::default() };
            let commented = comments.lists(&body);
            objects.push(Resource { commented, ..Resource::new(body, origin) });
        }
    }
    Ok(objects)
}

/// `kind: List` (or `ResourceList`) alone in a file is unwrapped before anything is checked.
fn unwrap_single_list(stream: &Stream, bytes: &[u8], file: &str) -> Result<Vec<(Node, u32)>, BuildError> {
    let alone = match stream.documents.as_slice() {
        [only] if only.bytes.len() == bytes.len() => Some(&only.root),
        _ => None,
    };
    let is_list = |root: &&Node| matches!(root.str_at(&["kind"]), Some("List" | "ResourceList"));
    if let Some(root) = alone.filter(is_list) {
        let named = root.get("items").or_else(|| root.get("functionConfig")).is_some();
        if named {
            if let Some(map) =
                root.get("items").filter(|items| items.as_map().is_some_and(|m| !m.entries.is_empty()))
            {
                return Err(no_list(file, map.mark.line));
            }
            let items = root.get("items").and_then(Node::as_seq).unwrap_or_default();
            return Ok(items.iter().map(|item| (item.clone(), item.mark.line)).collect());
        }
    }
    Ok(stream.documents.iter().map(|d| (d.root.clone(), first_line(d.line, &d.root))).collect())
}

/// The line a document's content starts on; comments before it do not count.
fn first_line(piece: u32, root: &Node) -> u32 {
    let key = root.as_map().and_then(|m| m.entries.first()).map_or(0, |e| e.key.line);
    if key > 0 { key } else { piece.max(root.mark.line) }
}

/// An item and its line. Upstream reads items through JSON, which spells what is no text.
fn listed(item: &Node) -> (Node, u32) {
    let mut body = json_spelling::respelled(item, json_number).unwrap_or_else(|| item.clone());
    for field in ["labels", "annotations"] {
        json_spelling::spell_as_json(&mut body, field);
    }
    (body, item.mark.line)
}

fn list_items(items: &Node, file: &str, line: u32) -> Result<Vec<(Node, u32)>, BuildError> {
    match &items.value {
        Value::Seq(list) => Ok(list.iter().map(listed).collect()),
        Value::Scalar(s) if s.kind == ScalarKind::Null => Ok(Vec::new()),
        _ => Err(no_list(file, line)),
    }
}

fn no_list(file: &str, line: u32) -> BuildError {
    Cause::NotAnObject("`items` of a list must be a list".to_owned()).in_field(file, line, "items")
}

fn check(body: &Node, file: &str, line: u32) -> Result<(), BuildError> {
    let refuse =
        |what: &str, field: &str| Err(Cause::NotAnObject(what.to_owned()).in_field(file, line, field));
    let Some(map) = body.as_map() else {
        return Err(Cause::NotAnObject("a mapping is expected".to_owned()).at(file, line));
    };
    let kind = map.get("kind").and_then(Node::scalar_text).unwrap_or("");
    if kind.is_empty() {
        return refuse("it has no kind", "kind");
    }
    let name = body.at_path(&["metadata", "name"]).and_then(Node::scalar_text).unwrap_or("");
    if name.is_empty() && !kind.ends_with("List") {
        return refuse(&format!("the {kind} has no metadata.name"), "metadata.name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, BuildError> {
        let objects = objects_of(text.as_bytes(), &"x.yaml".into(), &Limits::default())?;
        Ok(objects.iter().map(|r| r.id.to_string()).collect())
    }

    #[test]
    fn documents_become_objects_and_empty_ones_vanish() {
        let names = read(
            "# only a comment\n---\nkind: A\nmetadata: {name: x}\n---\n---\nkind: B\nmetadata: {name: y}\n",
        );
        assert_eq!(names.expect("both are objects"), ["A/x", "B/y"]);
    }

    #[test]
    fn lists_are_unwrapped_and_their_items_come_last() {
        let text = "kind: FooList\nitems:\n- kind: Foo\n  metadata: {name: a}\n---\nkind: Bar\nmetadata: {name: b}\n";
        assert_eq!(read(text).expect("objects"), ["Bar/b", "Foo/a"]);
        for nothing in ["null", "{}", "text", "[]"] {
            assert_eq!(
                read(&format!("kind: List\nitems: {nothing}\n")).expect("nothing"),
                Vec::<String>::new()
            );
        }
        assert!(read("kind: List\nitems: {kind: ConfigMap, metadata: {name: x}}\n").is_err());
        assert_eq!(read("kind: AllowList\nmetadata: {name: x}\n").expect("an object"), ["AllowList/x"]);
    }

    #[test]
    fn what_is_no_object_is_named_with_its_line() {
        let error = read("kind: A\nmetadata: {name: x}\n---\nkind: B\nmetadata: {generateName: y}\n")
            .expect_err("no name");
        assert_eq!(error.place.line, 4);
        assert_eq!(error.problem().place.and_then(|p| p.field).as_deref(), Some("metadata.name"));
        assert!(matches!(*read("a: [\n").expect_err("broken").cause, Cause::MalformedYaml(_)));
    }
}
