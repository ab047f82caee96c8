//! Random folders: bases, overlays and components, and which fields each has.

use super::Tree;
use super::dice::Dice;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Makes one tree.
pub struct Maker {
    pub dice: Dice,
    pub files: Tree,
    /// Kind, name and namespace of the objects there are, so that most are there once.
    pub taken: BTreeSet<(String, String, String)>,
}

pub const NAMES: [&str; 5] = ["web", "api", "db", "web-config", "x1"];
pub const NAMESPACES: [&str; 6] = ["", "", "", "default", "shop", "other"];
/// Values in the spellings that YAML's readers disagree about.
pub const TEXTS: [&str; 26] = [
    "v1",
    "\"yes\"",
    "'010'",
    "\"1.0\"",
    "on-call",
    "\"n\"",
    "x y",
    "\"null\"",
    "'a: b'",
    "é",
    "\"1e3\"",
    "~x",
    "\"\"",
    "'#no'",
    "\"tab\\there\"",
    "\"line\\nbreak\"",
    "\"2020-01-01\"",
    "'0x1F'",
    "\"12:30:45\"",
    "|-\n    a\n    b",
    "|\n    a\n\n    b",
    ">-\n    folded text\n    goes on",
    "'{{ x }}'",
    "\"=\"",
    "a long text that goes on and on until the line has more letters than a printer wants to have in one line",
    "'@at'",
];

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), files: Tree::new(), taken: BTreeSet::new() }
    }

    pub fn make(mut self) -> Tree {
        self.base("base", 5);
        let mut below = vec!["../base"];
        if self.dice.one_in(4) {
            self.base("second", 2);
            below.push("../second");
        }
        if self.dice.one_in(2) {
            let head = self.head(&below, "middle");
            self.folder("middle", &head, 3);
            below = vec!["../middle"];
        }
        let head = self.head(&below, "top");
        self.folder("top", &head, 5);
        self.files
    }

    fn base(&mut self, name: &str, most: u64) {
        let mut objects = String::new();
        for _ in 0..=self.dice.roll(most) {
            objects.push_str(&self.object());
        }
        self.files.insert(format!("{name}/objects.yaml"), objects);
        self.folder(name, "resources:\n- objects.yaml\n", 3);
    }

    /// What an overlay is made of.
    fn head(&mut self, below: &[&str], name: &str) -> String {
        let mut head = "resources:\n".to_owned();
        for folder in below {
            let _ = writeln!(head, "- {folder}");
        }
        if self.dice.one_in(3) {
            let object = self.object();
            self.files.insert(format!("{name}/more.yaml"), object);
            head.push_str("- more.yaml\n");
        }
        let mut components = String::new();
        for number in 0..self.dice.roll(5).saturating_sub(2) {
            let part = format!("part-{name}-{number}");
            let mut kind = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n".to_owned();
            if self.dice.one_in(4) {
                let object = self.object();
                self.files.insert(format!("{part}/own.yaml"), object);
                kind.push_str("resources:\n- own.yaml\n");
            }
            self.folder(&part, &kind, 3);
            let _ = writeln!(components, "- ../{part}");
        }
        if !components.is_empty() {
            let _ = write!(head, "components:\n{components}");
        }
        head
    }

    /// A folder with some fields, each once.
    fn folder(&mut self, name: &str, head: &str, most: u64) {
        let mut text = head.to_owned();
        let count = self.dice.roll(most + 1);
        for _ in 0..count {
            let field = self.field(name);
            let key = field.split(':').next().unwrap_or_default();
            if !text.lines().any(|line| line.starts_with(&format!("{key}:"))) {
                text.push_str(&field);
            }
        }
        if text == "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" {
            text.push_str("namePrefix: c-\n");
        }
        self.files.insert(format!("{name}/kustomization.yaml"), text);
    }

    /// Kind, name and namespace of one of the objects there are, of these kinds if there are some; seldom of one that is
    /// nowhere.
    pub fn some(&mut self, kinds: &[&str]) -> (String, String, String) {
        let of_kind = |(kind, ..): &&(String, String, String)| {
            let kind = kind.trim_start_matches("kind: ");
            kinds.contains(&kind)
        };
        let known: Vec<_> = self.taken.iter().filter(of_kind).cloned().collect();
        if known.is_empty() || self.dice.one_in(16) {
            return (self.dice.pick(kinds).to_owned(), self.dice.pick(&NAMES).to_owned(), String::new());
        }
        let place = usize::try_from(self.dice.roll(known.len() as u64)).expect("it is small");
        let (kind, name, namespace) = known[place].clone();
        (kind.trim_start_matches("kind: ").to_owned(), name, namespace)
    }

    /// A file beside the kustomization; answers its name.
    pub fn beside(&mut self, folder: &str, stem: &str, text: String) -> String {
        let name = format!("{stem}{}.yaml", self.files.len());
        self.files.insert(format!("{folder}/{name}"), text);
        name
    }
}

/// The text, deeper by so many blanks.
pub fn indent(text: &str, by: usize) -> String {
    let blanks = " ".repeat(by);
    text.lines().fold(
        String::new(),
        |all, line| if line.is_empty() { all + "\n" } else { all + &blanks + line + "\n" },
    )
}
