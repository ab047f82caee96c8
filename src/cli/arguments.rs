//! What can be typed; help, completions and the man page are made from it.

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// See what git says and what the clusters have, side by side; seal secrets; change things only through git.
#[derive(Debug, Parser)]
#[command(name = "sealane", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// The config repository, or a folder inside it [default: the current folder]
    pub path: Option<PathBuf>,
    /// Where to look.
    #[command(flatten)]
    pub place: Where,
    /// What to do; without it the screen opens.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Arguments {
    /// Reads what was typed, the program's name first.
    pub fn of<W: Into<OsString> + Clone>(words: impl IntoIterator<Item = W>) -> Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(words)?;
        if let (Some(path), Some(_)) = (&arguments.path, &arguments.command) {
            let text = format!("a command follows its options; the path '{}' goes after it", path.display());
            return Err(Self::command().error(ErrorKind::ArgumentConflict, text));
        }
        Ok(arguments)
    }
}

const AFTER_HELP: &str = "\
Without a command the screen opens; `?` on it lists the keys.
The cluster is only read. Commands that write print their plan and stop, unless --commit (and --push) is given.

Exit codes: 0 nothing to report, 1 differences or findings, 2 usage, 3 something could not be rendered or
opened, 4 a cluster or remote is out of reach, 5 refused by a rule; the highest that applies wins.";

/// Options that every command knows.
#[derive(Clone, Debug, Default, Args)]
pub struct Where {
    /// The kubeconfig context of the cluster
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The kubeconfig to use instead of $KUBECONFIG and ~/.kube/config
    #[arg(long, global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Look at git only
    #[arg(long, global = true)]
    pub no_cluster: bool,
    /// The environment, where the repository has several
    #[arg(long, global = true)]
    pub environment: Option<String>,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Output,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning; of `check` and `scan` alone
    Sarif,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try it: a cluster, a repository and its history inside this program; nothing is touched
    Demo {
        /// Keep the demo running and print how to point git, kubectl and Sealane at it, read-only
        #[arg(long)]
        serve: bool,
    },
    /// How every app stands between git and its cluster
    Status {
        /// The config repository
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// What git says, rendered: all objects, or one
    Render {
        /// The config repository, or a folder inside it
        #[arg(default_value = ".")]
        path: PathBuf,
        /// At this revision instead of the files on disk
        #[arg(long, value_name = "REV")]
        at: Option<String>,
        /// Only this object (Kind/namespace/name or Kind/name)
        #[arg(long, value_name = "OBJECT")]
        object: Option<String>,
        /// How this object came to be, step by step, or one field of it (Kind/namespace/name:spec.replicas)
        #[arg(long, value_name = "OBJECT[:FIELD]", conflicts_with = "object")]
        explain: Option<String>,
    },
    /// Print what `kustomize build` prints
    Build(BuildArguments),
    /// What differs: between two revisions, or between git and the cluster
    Diff {
        /// A, or A..B; without it HEAD is compared with the cluster. With --live, the config repository
        range: Option<String>,
        /// Compare with the cluster
        #[arg(long, conflicts_with = "range")]
        live: bool,
        /// The config repository
        #[arg(long, default_value = ".")]
        path: PathBuf,
    },
    /// The commits that changed a rendered object
    History {
        /// Kind/namespace/name or Kind/name
        object: String,
        /// The config repository
        #[arg(long, default_value = ".")]
        path: PathBuf,
        /// Show this many of them at the most, the newest
        #[arg(long, default_value_t = 2000)]
        limit: usize,
    },
    /// Rehearse the revert of commits; with --commit make it
    Revert {
        /// The commits
        #[arg(required = true, value_name = "REV")]
        revisions: Vec<String>,
        /// The config repository
        #[arg(long, default_value = ".")]
        path: PathBuf,
        /// What to do with the plan.
        #[command(flatten)]
        write: Write,
    },
    /// Set, generate, rename, remove, import or copy keys of sealed files (SOPS), make new ones, or seal plain ones
    Seal(Box<SealArguments>),
    /// Edit a sealed file in an editor: its text lies in memory and is wiped; only what changed is sealed anew
    Edit(EditArguments),
    /// Seal files again, under new data keys, for the recipients that .sops.yaml gives now
    Reseal {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Keep the data keys: only who can open the files changes, no value does
        #[arg(long)]
        keep_key: bool,
        /// What to do with the plan.
        #[command(flatten)]
        write: Write,
    },
    /// Every sealed file: its keys by name, who opens it, whether it opens here; and what should be sealed and is not
    #[command(args_conflicts_with_subcommands = true)]
    Audit {
        /// The config repository
        #[arg(default_value = ".")]
        path: PathBuf,
        /// At this revision instead of the files on disk
        #[arg(long, value_name = "REV")]
        at: Option<String>,
        /// What else to look at.
        #[command(subcommand)]
        what: Option<AuditOf>,
    },
    /// Secrets in the clear: fails when there are any, for a git hook or CI; --seal plans to seal them
    Check(CheckArguments),
    /// Secrets in the clear in all that was ever committed: who brought them, when, whether they are still there, and valid
    Scan {
        /// The config repository
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Merge versions of a sealed file key by key: git calls it, once --install has set it up in a clone
    MergeDriver(MergeArguments),
    /// A sealed file as `git diff` compares it, without a value: git calls it, once merge-driver --install --textconv was run
    Textconv {
        /// The file; git names a temporary one
        file: PathBuf,
    },
    /// What is here and what is missing: repository, keys, clusters, tools
    Doctor {
        /// The config repository
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// What else an audit looks at.
#[derive(Debug, Subcommand)]
pub enum AuditOf {
    /// Which rule of .sops.yaml is for each file, and why the others are not
    Rules {
        /// The files; they need not be there
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Who can read what: sealed files and recipients, with the names that .sops.yaml or .sealane.yaml give them
    Who {
        /// Only these files or folders
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// At this revision instead of the files on disk
        #[arg(long, value_name = "REV")]
        at: Option<String>,
        /// Also what recipients who were removed still know: values that did not change since
        #[arg(long)]
        history: bool,
    },
    /// Which values of a sealed file are the same elsewhere, without showing any: another file, REV:, REV:FILE, or live
    Compare {
        /// The file
        file: PathBuf,
        /// What to compare it with [default: HEAD:]
        #[arg(value_name = "WITH")]
        with: Vec<String>,
    },
    /// Which other files hold the value of a key, sealed or in the clear
    Same {
        /// The file
        file: PathBuf,
        /// The key
        key: String,
    },
}

impl Command {
    /// The same command in a repository: relative paths are taken from its folder.
    #[must_use]
    pub fn inside(mut self, repository: &Path) -> Self {
        match &mut self {
            Self::Status { path }
            | Self::Render { path, .. }
            | Self::Diff { path, .. }
            | Self::History { path, .. }
            | Self::Revert { path, .. }
            | Self::Check(CheckArguments { path, .. })
            | Self::Scan { path }
            | Self::Doctor { path }
            | Self::Audit { path, what: None, .. } => *path = repository.join(&*path),
            Self::Audit {
                what: Some(AuditOf::Compare { file, .. } | AuditOf::Same { file, .. }), ..
            } => {
                *file = repository.join(&*file);
            }
            Self::Audit { what: Some(AuditOf::Who { files, .. }), .. } if files.is_empty() => {
                files.push(repository.to_owned());
            }
            Self::Seal(arguments) => {
                for file in &mut arguments.files {
                    *file = repository.join(&*file);
                }
            }
            Self::Edit(arguments) => arguments.file = repository.join(&arguments.file),
            Self::Reseal { files, .. }
            | Self::Audit { what: Some(AuditOf::Rules { files } | AuditOf::Who { files, .. }), .. } => {
                for file in files {
                    *file = repository.join(&*file);
                }
            }
            Self::MergeDriver(arguments) => arguments.path = repository.join(&arguments.path),
            Self::Textconv { file } => *file = repository.join(&*file),
            Self::Build(arguments) => arguments.dir = repository.join(&arguments.dir),
            Self::Demo { .. } | Self::Completions { .. } | Self::Man => {}
        }
        self
    }
}

/// Arguments of `seal`: what becomes of the keys of some files.
#[derive(Debug, Args)]
pub struct SealArguments {
    /// The files; each gets the same changes. Without any change plain files are sealed where they stand
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A key to set; its value is read from standard input
    #[arg(long, value_name = "KEY")]
    pub set: Option<String>,
    /// Keys that get a random value that nobody sees
    #[arg(long, value_name = "KEY")]
    pub generate: Vec<String>,
    /// How many letters a generated value gets
    #[arg(long, value_name = "LETTERS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(16..=4096))]
    pub length: u16,
    /// A key and its new name
    #[arg(long, num_args = 2, value_names = ["KEY", "NAME"])]
    pub rename: Vec<String>,
    /// Keys to remove
    #[arg(long, value_name = "KEY")]
    pub remove: Vec<String>,
    /// A file whose keys are set: sealed (also REV:FILE, REV:), plain (dotenv, INI, YAML, JSON, a Secret), or `-` for
    /// dotenv or JSON on standard input
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["set", "generate", "rename", "remove"])]
    pub from: Option<PathBuf>,
    /// A Secret of the cluster whose keys are set; a new file gets its name and type
    #[arg(long, value_name = "[NAMESPACE/]NAME", conflicts_with_all = ["set", "generate", "rename", "remove", "from"])]
    pub from_live: Option<String>,
    /// Only these keys of --from or --from-live
    #[arg(long, value_name = "KEY")]
    pub key: Vec<String>,
    /// How to seal for a sealed-secrets controller.
    #[command(flatten)]
    pub for_controller: SealedSecretArguments,
    /// What to do with the plan.
    #[command(flatten)]
    pub write: Write,
}

/// Arguments of `edit`.
#[derive(Debug, Args)]
pub struct EditArguments {
    /// The file; one that is not there begins as a Secret with one key
    pub file: PathBuf,
    /// Agree to a file on disk where no folder lies in memory; it is overwritten and removed afterwards
    #[arg(long)]
    pub on_disk: bool,
    /// What to do with the plan.
    #[command(flatten)]
    pub write: Write,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The config repository
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Only what is staged for the next commit
    #[arg(long)]
    pub staged: bool,
    /// Tell the digest of each finding, for an exception in .sealane.yaml
    #[arg(long)]
    pub digests: bool,
    /// Plan to seal, in one commit, all files of HEAD with findings that a rule of .sops.yaml covers; name the others
    #[arg(long, conflicts_with_all = ["staged", "digests"])]
    pub seal: bool,
    /// What to do with the plan of --seal.
    #[command(flatten)]
    pub write: Write,
}

/// Arguments of `merge-driver`, as git gives them.
#[derive(Debug, Args)]
pub struct MergeArguments {
    /// Set it up in this clone: its configuration and its info/attributes
    #[arg(long, conflicts_with = "versions")]
    pub install: bool,
    /// With --install: `git diff` and `git log -p` show which keys of sealed files change too
    #[arg(long, requires = "install")]
    pub textconv: bool,
    /// %O %A %B %L %P: the ancestor, our version (the result is written there), theirs, marker size, path
    #[arg(num_args = 3..=5, required_unless_present = "install", value_name = "VERSION")]
    pub versions: Vec<PathBuf>,
    /// The config repository, for --install
    #[arg(long, default_value = ".")]
    pub path: PathBuf,
}

/// How `seal` seals for a sealed-secrets controller.
#[derive(Clone, Debug, Default, Args)]
pub struct SealedSecretArguments {
    /// Make a SealedSecret: a new one with --set; without it, the file's Secrets (plain or SOPS) become SealedSecrets
    #[arg(long)]
    pub sealed_secret: bool,
    /// Where its values open: strict (one name in one namespace), namespace-wide or cluster-wide
    #[arg(long, value_name = "SCOPE", value_parser = ["strict", "namespace-wide", "cluster-wide"])]
    pub scope: Option<String>,
    /// The controller's certificate, a PEM file [default: what .sealane.yaml names, or the only one in the repository]
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// The name of a new SealedSecret [default: that of the file], or which one of the file is meant
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The namespace of a SealedSecret where the file and its rendering name none
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
}

impl SealedSecretArguments {
    /// True if any of them was given: the file is one for a sealed-secrets controller.
    pub fn is_meant(&self) -> bool {
        let given =
            [self.scope.is_some(), self.certificate.is_some(), self.name.is_some(), self.namespace.is_some()];
        self.sealed_secret || given.contains(&true)
    }
}

/// Arguments of `build`, as `kustomize build` has them.
#[derive(Debug, Args)]
pub struct BuildArguments {
    /// The folder with the kustomization
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// LoadRestrictionsRootOnly or LoadRestrictionsNone
    #[arg(long, value_name = "KIND", default_value = "LoadRestrictionsRootOnly")]
    pub load_restrictor: String,
    /// none or legacy
    #[arg(long, value_name = "ORDER")]
    pub reorder: Option<String>,
    /// Add the label app.kubernetes.io/managed-by
    #[arg(long)]
    pub enable_managedby_label: bool,
}

/// What happens with a plan once it is printed.
#[derive(Clone, Debug, Default, Args)]
pub struct Write {
    /// Make the commit
    #[arg(long)]
    pub commit: bool,
    /// Make the commit on a new branch
    #[arg(long, value_name = "NAME", requires = "commit")]
    pub branch: Option<String>,
    /// The commit message
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    /// Push afterwards
    #[arg(long, requires = "commit")]
    pub push: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_path_alone_opens_the_screen() {
        let arguments = Arguments::parse_from(["sealane", "some/repo", "--no-cluster"]);
        assert!(arguments.command.is_none() && arguments.place.no_cluster);
        assert_eq!(arguments.path, Some(PathBuf::from("some/repo")));
    }

    #[test]
    fn options_stand_on_either_side_of_a_command_and_its_path_after_it() {
        for words in [["sealane", "--no-cluster", "doctor"], ["sealane", "doctor", "--no-cluster"]] {
            let arguments = Arguments::of(words).expect("both are understood");
            assert!(arguments.place.no_cluster && matches!(arguments.command, Some(Command::Doctor { .. })));
        }
        let error = Arguments::of(["sealane", "some/repo", "status"]).expect_err("two places");
        assert!(error.to_string().contains("the path 'some/repo' goes after it"), "{error}");
    }

    #[test]
    fn pushing_needs_a_commit() {
        assert!(Arguments::try_parse_from(["sealane", "revert", "HEAD", "--push"]).is_err());
    }
}
