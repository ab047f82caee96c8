//! Why a folder does not build, with file, line and next step (render.md 2.18).

use crate::model::{Place, Problem, Reason, TreeError, clean};
use std::sync::Arc;

/// What stops a build, where, and through which folders it was reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}")]
pub struct BuildError {
    /// What is wrong.
    #[source]
    pub cause: Box<Cause>,
    /// Where.
    pub place: Place,
    /// The folders that led there, outermost first.
    pub via: Vec<Arc<str>>,
}

/// What can be wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Cause {
    /// No kustomization file in a folder.
    #[error("no kustomization.yaml, kustomization.yml or Kustomization in {0}")]
    NoKustomization(String),
    /// Several kustomization files in a folder.
    #[error("several kustomization files in {folder}: {files}")]
    SeveralKustomizations {
        /// The folder.
        folder: String,
        /// Their names.
        files: String,
    },
    /// A kustomization that says nothing.
    #[error("the kustomization is empty")]
    EmptyKustomization,
    /// A kustomization that cannot be read as one.
    #[error("invalid kustomization: {0}")]
    Invalid(String),
    /// An unknown field, with the nearest known one.
    #[error("unknown field `{field}`{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownField {
        /// As written.
        field: String,
        /// The nearest known field.
        nearest: Option<String>,
    },
    /// YAML that cannot be read.
    #[error("malformed YAML: {0}")]
    MalformedYaml(String),
    /// A document that is no Kubernetes object.
    #[error("not a Kubernetes object: {0}")]
    NotAnObject(String),
    /// A file that git-lfs keeps elsewhere.
    #[error("not a Kubernetes object: a pointer of git-lfs stands here, its content is elsewhere")]
    Pointer,
    /// Two objects with one identity.
    #[error("{id} is declared twice")]
    Duplicate {
        /// The identity.
        id: String,
        /// Where it was declared first.
        first: Place,
    },
    /// A file or folder that is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// A path in or to a submodule, whose files git keeps elsewhere.
    #[error("{0} is a submodule: its files are in another repository")]
    Submodule(String),
    /// A path that leaves what may be read.
    #[error("{path} is not in or below {root}")]
    Outside {
        /// The path.
        path: String,
        /// The folder that confines it.
        root: String,
    },
    /// A folder where a file is needed, or the reverse.
    #[error("{0}")]
    WrongKind(String),
    /// A folder that contains itself.
    #[error("cycle: {0} is, or contains, a folder that is being built")]
    Cycle(String),
    /// Links that lead nowhere or in circles.
    #[error("the link {path} {why}")]
    Link {
        /// The link.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something that would have to be fetched.
    #[error("{url} would have to be fetched")]
    Remote {
        /// The URL.
        url: String,
    },
    /// A Helm chart that would have to be rendered.
    #[error("the chart {0} needs Helm")]
    Helm(String),
    /// A program or container that would have to be run, or a plug-in we do not know.
    #[error("the plug-in {0} is not run by Sealane")]
    Plugin(String),
    /// A component where a kustomization is needed, or the reverse.
    #[error("{folder} is a {found}, expected a {wanted}")]
    WrongRole {
        /// The folder.
        folder: String,
        /// Its kind.
        found: String,
        /// The kind needed.
        wanted: String,
    },
    /// A patch without exactly one target.
    #[error("the patch for {target} matches {}", if *.matches == 0 { "nothing".to_owned() } else { format!("{} objects", .matches) })]
    PatchTarget {
        /// What the patch names.
        target: String,
        /// How many objects it matches.
        matches: usize,
    },
    /// A patch that cannot be read or applied.
    #[error("patch: {0}")]
    Patch(String),
    /// A generator that cannot do its work.
    #[error("generator `{name}`: {what}")]
    Generator {
        /// The generated object's name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A transformer that cannot do its work.
    #[error("{transformer}: {what}")]
    Transformer {
        /// Which one.
        transformer: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A reference that could mean several objects.
    #[error("`{name}` in {field} of {referrer} could mean {candidates}")]
    Ambiguous {
        /// The name found.
        name: String,
        /// The field it was found in.
        field: String,
        /// The object that holds it.
        referrer: String,
        /// The candidates.
        candidates: String,
    },
    /// A replacement that cannot be done.
    #[error("replacement: {0}")]
    Replacement(String),
    /// A var that cannot be resolved.
    #[error("var `{name}`: {what}")]
    Var {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The tree itself cannot be read.
    #[error("{0}")]
    Tree(#[from] TreeError),
}

impl Cause {
    /// This cause at a place.
    pub fn at(self, file: &str, line: u32) -> BuildError {
        BuildError {
            cause: Box::new(self),
            place: Place { file: file.into(), line, field: None },
            via: Vec::new(),
        }
    }

    /// This cause at a field of a place.
    pub fn in_field(self, file: &str, line: u32, field: &str) -> BuildError {
        BuildError {
            cause: Box::new(self),
            place: Place { file: file.into(), line, field: Some(field.into()) },
            via: Vec::new(),
        }
    }

    /// True if all that stops us lies outside of the repository or needs a program: what a partial build
    /// may leave out and name.
    pub fn is_outside(&self) -> bool {
        matches!(self, Self::Remote { .. } | Self::Helm(_) | Self::Plugin(_))
    }

    fn next(&self) -> &'static str {
        match self {
            Self::NoKustomization(_) => "add a kustomization.yaml, or name a file",
            Self::SeveralKustomizations { .. } => "keep one of them",
            Self::EmptyKustomization => "add resources, or remove the file",
            Self::Missing(_) => "add it, or remove the entry that names it",
            Self::Submodule(_) => {
                "name the other repository by its URL, or copy what is needed into this one"
            }
            Self::Outside { .. } => "move it below the kustomization, or build with --load-restrictor none",
            Self::Remote { .. } => "vendor it into the repository, or fetch and pin it",
            Self::Helm(_) => "look at the live release for what it made",
            Self::Duplicate { .. } => "rename one of them, or remove it",
            Self::PatchTarget { matches: 0, .. } => "check kind, name, namespace and apiVersion of the patch",
            Self::PatchTarget { .. } => "give the patch a namespace or a target",
            Self::Cycle(_) => "remove the entry that closes the circle",
            Self::Ambiguous { .. } => "give the objects different names",
            Self::Invalid(_) | Self::UnknownField { .. } => "correct the kustomization at this line",
            Self::MalformedYaml(_) => {
                "correct the YAML at this line; `git log -1` of the file says who wrote it"
            }
            Self::NotAnObject(_) => "give it apiVersion, kind and name, or take it out of `resources`",
            Self::Pointer => "`git lfs pull` fetches it here; a controller reads what git itself holds",
            Self::WrongKind(_) => "name a file where a file is needed, and a folder where a folder is",
            Self::Link { .. } => "put a file in place of the link",
            Self::Plugin(_) => "build it with its own program, and commit what it makes",
            Self::WrongRole { .. } => "list components under `components`, everything else under `resources`",
            Self::Patch(_) => "correct the patch, or try it with `sealane build`",
            Self::Generator { .. } => "correct the generator's entry",
            Self::Transformer { .. } => "correct the field that asks for it",
            Self::Replacement(_) => "check source and targets of the replacement",
            Self::Var { .. } => "check the field that the var names, or use a replacement",
            Self::Tree(TreeError::TooLarge { .. }) => "split the file, or take it out of the kustomization",
            Self::Tree(_) => "`git fsck` tells what is damaged",
        }
    }
}

impl BuildError {
    /// Why, as a code for machines.
    pub fn reason(&self) -> Reason {
        match &*self.cause {
            Cause::Remote { .. } => Reason::NeedsNetwork,
            Cause::Helm(_) => Reason::NeedsHelm,
            Cause::Plugin(_) => Reason::NeedsPlugin,
            Cause::Missing(_)
            | Cause::Submodule(_)
            | Cause::NoKustomization(_)
            | Cause::Outside { .. }
            | Cause::Link { .. }
            | Cause::WrongKind(_) => Reason::MissingFile,
            Cause::EmptyKustomization => Reason::EmptyKustomization,
            Cause::PatchTarget { .. } => Reason::PatchTargetMissing,
            Cause::MalformedYaml(_) => Reason::InvalidYaml,
            Cause::NotAnObject(_) | Cause::Pointer => Reason::InvalidObject,
            Cause::Cycle(_) => Reason::Cycle,
            Cause::Tree(TreeError::TooLarge { .. }) => Reason::LimitExceeded,
            Cause::Tree(_) => Reason::Repository,
            _ => Reason::InvalidKustomization,
        }
    }

    /// The same, as a problem for a screen.
    pub fn problem(&self) -> Problem {
        let mut cause = clean(&self.cause.to_string());
        if let Cause::Duplicate { first, .. } = &*self.cause {
            cause = format!("{cause}; first at {first}");
        }
        if !self.via.is_empty() {
            cause = format!("{cause} (reached through {})", clean(&self.via.join(", ")));
        }
        let mut problem = Problem::error(self.reason(), cause).next(self.cause.next());
        problem.place = Some(self.place.clone());
        problem
    }

    /// The same error, reached through `folder`.
    #[must_use]
    pub fn through(mut self, folder: &str) -> Self {
        self.via.insert(0, folder.into());
        self
    }
}
