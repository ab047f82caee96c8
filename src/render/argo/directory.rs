//! A plain folder: which of its files are read, and the objects in them.

use super::fields::Fields;
use super::files::{self, Candidate};
use super::glob::Glob;
use crate::model::{Manifest, ObjectKey, Origin, Problem, Reason, Severity, Step, Tree};
use crate::yaml::{Dialect, Limits, Node, read_stream};
use std::sync::Arc;

/// What the `directory` block says.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    recurse: bool,
    include: String,
    exclude: String,
}

/// All manifests of a folder together, in bytes, that the repo-server reads (its default of `10M`).
const MOST_BYTES: usize = 10_000_000;
/// A file with this anywhere in it is passed over.
const SKIP: &str = "+argocd:skip-file-rendering";

impl Options {
    /// Reads the block of a source.
    pub fn of(source: &Node, field: &str, fields: &mut Fields<'_>) -> Self {
        let Some(node) = super::fields::present(source, "directory") else { return Self::default() };
        let field = format!("{field}.directory");
        fields.check_names(node, &field, &["recurse", "jsonnet", "exclude", "include"]);
        let options = Self {
            recurse: fields.flag(node, &field, "recurse"),
            include: fields.text(node, &field, "include").text.to_string(),
            exclude: fields.text(node, &field, "exclude").text.to_string(),
        };
        for key in ["include", "exclude"] {
            let pattern = if key == "include" { &options.include } else { &options.exclude };
            if !pattern.is_empty() && !Glob::new(pattern).is_valid() {
                let cause = format!("`{field}.{key}` is a malformed pattern: it matches nothing");
                let place = node.get(key).cloned().unwrap_or_else(|| node.clone());
                fields.tell(
                    Problem::warning(Reason::InvalidObject, cause),
                    &place,
                    &format!("{field}.{key}"),
                );
            }
        }
        options
    }

    /// True if files of folders inside are read too.
    pub fn recurses(&self) -> bool {
        self.recurse
    }

    /// True if a file is read, by its path below the folder.
    pub fn takes(&self, relative: &str) -> bool {
        let is_out = !self.exclude.is_empty() && Glob::new(&self.exclude).matches(relative);
        !is_out && (self.include.is_empty() || Glob::new(&self.include).matches(relative))
    }
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The objects, file by file.
    pub objects: Vec<Manifest>,
    /// Objects without a name, with where they stand: only what is run may be so.
    pub unnamed: Vec<(Node, Origin)>,
    /// What is wrong; after an error the objects are not all.
    pub problems: Vec<Problem>,
    /// Files read and folders listed.
    pub reads: Vec<Arc<str>>,
}

/// Reads a folder.
pub(super) fn read(tree: &dyn Tree, folder: &str, options: &Options, limits: &Limits, steps: bool) -> Read {
    let mut made = Read::default();
    let walked = match files::walk(tree, folder, options.recurses()) {
        Ok(walked) => walked,
        Err(error) => {
            made.problems.push(Problem::error(Reason::Repository, error.to_string()).at(folder, 0));
            return made;
        }
    };
    made.reads.extend(walked.folders.iter().map(|path| Arc::from(path.as_str())));
    if let Some(why) = walked.refused {
        made.problems
            .push(Problem::error(Reason::LimitExceeded, format!("Argo CD refuses it: {why}")).at(folder, 0));
        return made;
    }
    for path in &walked.broken {
        let cause = "the link leads to no file; Argo CD passes over it".to_owned();
        made.problems.push(Problem::warning(Reason::MissingFile, cause).at(path, 0));
    }
    let mut reader = Reader { limits, steps, bytes: 0, strangers: Vec::new(), skipped: Vec::new(), made };
    for file in walked.files.iter().filter(|file| options.takes(&file.relative)) {
        reader.file(tree, file);
        if reader.bytes > MOST_BYTES {
            let cause =
                format!("the manifests of {} have more than 10 MB: Argo CD refuses them", shown(folder));
            reader.made.objects.clear();
            reader.made.problems.push(Problem::error(Reason::LimitExceeded, cause).at(folder, 0));
            break;
        }
    }
    reader.finish()
}

fn shown(folder: &str) -> &str {
    if folder.is_empty() { "the whole repository" } else { folder }
}

struct Reader<'a> {
    limits: &'a Limits,
    steps: bool,
    bytes: usize,
    /// Files that hold no objects.
    strangers: Vec<String>,
    /// Files that ask to be passed over.
    skipped: Vec<String>,
    made: Read,
}

impl Reader<'_> {
    fn file(&mut self, tree: &dyn Tree, file: &Candidate) {
        let path: Arc<str> = file.path.as_str().into();
        let bytes = match tree.read(file.id) {
            Ok(bytes) => bytes,
            Err(error) => {
                let problem = Problem::error(Reason::LimitExceeded, error.of(&path).to_string());
                return self.made.problems.push(problem.at(&path, 0));
            }
        };
        self.made.reads.push(path.clone());
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(SKIP) {
            return self.skipped.push(file.path.clone());
        }
        if path.ends_with(".jsonnet") {
            let problem = Problem::error(Reason::NeedsJsonnet, "not rendered: needs jsonnet".to_owned());
            return self.made.problems.push(problem.at(&path, 0));
        }
        self.bytes += bytes.len();
        let stream = read_stream(&bytes, &path, Dialect::Kustomization, self.limits);
        let is_json = path.ends_with(".json");
        if is_json
            && (stream.documents.len() > 1 || stream.documents.iter().any(|d| d.root.as_map().is_none()))
        {
            return self.broken(&path, 0, "a JSON file must hold exactly one object");
        }
        // Documents are read one after the other: what stands before a broken one makes the file a broken manifest.
        let first_error =
            stream.errors.first().map(|error| (error.document, error.line, error.message.clone()));
        let whole =
            stream.documents.iter().take_while(|d| first_error.as_ref().is_none_or(|e| d.index < e.0));
        let bad = whole.clone().find(|d| kind(&d.root).is_none() && !d.root.is_null());
        let (line, why) = match (bad, &first_error) {
            (Some(document), _) => (document.line, "it has no kind".to_owned()),
            (None, Some((_, line, message))) => (*line, message.clone()),
            (None, None) => return whole.for_each(|d| self.document(&d.root, &path, d.line)),
        };
        let has_objects =
            whole.take_while(|d| bad.is_none_or(|b| d.index < b.index)).any(|d| !d.root.is_null());
        let looks_like_one = ["apiVersion:", "kind:", "metadata:"].iter().all(|word| text.contains(word));
        if is_json || has_objects || looks_like_one {
            return self.broken(&path, line, &why);
        }
        self.strangers.push(file.path.clone());
    }

    fn broken(&mut self, path: &str, line: u32, why: &str) {
        let cause = format!("Argo CD renders nothing of this folder: {why}");
        self.made.problems.push(Problem::error(Reason::InvalidYaml, cause).at(path, line));
    }

    /// One document: a list is what is in it.
    fn document(&mut self, root: &Node, path: &Arc<str>, line: u32) {
        let Some(map) = root.as_map() else { return };
        let line = map.entries.first().map_or(line, |e| if e.key.line > 0 { e.key.line } else { line });
        let Some(items) = map.get("items") else { return self.object(root, path, line) };
        if let Some(items) = items.as_seq() {
            for item in items {
                if item.as_map().is_some() {
                    self.object(item, path, item.mark.line);
                } else {
                    self.broken(path, item.mark.line.max(line), "an item of a list is no object");
                }
            }
        } else if !(items.is_null() && map.get("spec").is_none() && map.get("status").is_none()) {
            self.object(root, path, line);
        }
    }

    fn object(&mut self, body: &Node, path: &Arc<str>, line: u32) {
        let origin = Origin { file: path.clone(), line, ..Origin::default() };
        let Some((key, version)) = ObjectKey::of(body).filter(|(key, _)| !key.name.is_empty()) else {
            return self.made.unnamed.push((body.clone(), origin));
        };
        let mut manifest = Manifest { key, version, body: body.clone(), origin, steps: Vec::new() };
        if self.steps {
            let place = crate::model::Place { file: path.clone(), line, field: None };
            manifest.steps.push(Step::new("file", place, body.clone()));
        }
        self.made.objects.push(manifest);
    }

    fn finish(mut self) -> Read {
        let notes = [
            (&self.strangers, "no objects, which Argo CD passes over"),
            (&self.skipped, "a mark (+argocd:skip-file-rendering) by which Argo CD passes over them"),
        ];
        for (files, what) in notes {
            let Some(first) = files.first() else { continue };
            let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
            let cause = format!("{first}{more} hold {what}");
            let note = Problem { severity: Severity::Note, ..Problem::warning(Reason::InvalidObject, cause) };
            self.made.problems.push(note.at(first, 0));
        }
        self.made
    }
}

fn kind(root: &Node) -> Option<&str> {
    root.get("kind")?.scalar_text().filter(|kind| !kind.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;

    fn object(name: &str) -> String {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
    }

    fn names(files: &[(&str, &str)], options: &Options) -> (Vec<String>, Vec<String>) {
        let made = read(&Files::new(files), "a", options, &Limits::default(), false);
        let problems = made.problems.iter().map(|p| format!("{:?} {p}", p.severity)).collect();
        (made.objects.iter().map(|m| m.key.name.to_string()).collect(), problems)
    }

    #[test]
    fn lists_are_expanded_and_json_is_read() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n\
                    - {apiVersion: v1, kind: ConfigMap, metadata: {name: y}}\n";
        let files = [
            ("a/1.yaml", list),
            (
                "a/2.json",
                "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"z\"}}",
            ),
            ("a/3.yml", "kind: ConfigMapList\nitems: null\n"),
            ("a/4.txt", "no"),
        ];
        assert_eq!(names(&files, &Options::default()), (vec!["x".into(), "y".into(), "z".into()], vec![]));
    }

    #[test]
    fn patterns_choose_files_and_marks_pass_over_them() {
        let (x, y, z) = (object("x"), object("y"), format!("# {SKIP}\n{}", object("z")));
        let files =
            [("a/x.yaml", x.as_str()), ("a/sub/y.yaml", &y), ("a/z.yaml", &z), ("a/values.yaml", "b: 1\n")];
        let options = Options { recurse: true, ..Options::default() };
        let (found, problems) = names(&files, &options);
        assert_eq!(found, ["y", "x"]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems.iter().all(|p| p.starts_with("Note")), "{problems:?}");
        let options =
            Options { recurse: true, include: "{x,sub/*}.yaml".to_owned(), exclude: "x*".to_owned() };
        assert_eq!(names(&files, &options).0, ["y"]);
    }

    #[test]
    fn a_broken_manifest_stops_argo_cd_and_a_stranger_does_not() {
        let x = object("x");
        for (broken, is_error) in [
            (format!("{x}---\nfoo: bar\n"), true),
            (format!("{x}---\na: [\n"), true),
            ("apiVersion: v1\nkind: X\nmetadata: [\n".to_owned(), true),
            ("foo: [\n".to_owned(), false),
            ("foo: bar\n---\nkind: X\nmetadata: {name: lost}\n".to_owned(), false),
        ] {
            let files = [("a/1.yaml", x.as_str()), ("a/2.yaml", broken.as_str())];
            let (_, problems) = names(&files, &Options::default());
            assert_eq!(problems.iter().any(|p| p.starts_with("Error")), is_error, "{broken}: {problems:?}");
        }
        let (_, problems) = names(&[("a/1.json", "[]")], &Options::default());
        assert!(problems[0].contains("exactly one object"), "{problems:?}");
    }

    #[test]
    fn yaml_is_read_as_go_reads_it_for_argo_cd() {
        let tree = Files::new(&[("a/1.yaml", "kind: X\nmetadata: {name: x}\nyes: on\nmode: 0644\n")]);
        let made = read(&tree, "a", &Options::default(), &Limits::default(), false);
        let text = crate::yaml::to_masked_string(&made.objects[0].body);
        assert_eq!(text, "kind: X\nmetadata:\n  name: x\nmode: 420\n\"true\": true\n");
    }
}
