//! A running rig as a value: started by `up.sh`, ended by `down.sh` when the value is dropped, and by the rig's own
//! watcher when the test process dies before that.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, process};

/// How much of a cluster a test needs; more takes longer to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// etcd and kube-apiserver.
    Api,
    /// Also controllers, a scheduler and a fake node: Deployments roll out.
    Cluster,
    /// Also Flux's kustomize-controller, with what stands in for its sources.
    Flux,
    /// The same, where unset substitution variables become empty, as Flux did before kustomize-controller 1.9.
    LaxFlux,
    /// etcd, kube-apiserver and the sealed-secrets controller.
    Seals,
    /// etcd, kube-apiserver and Argo CD, with a git server over the folder `git`.
    Argo,
}

/// Whose kubeconfig a request is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// May do everything: the tests themselves.
    Admin,
    /// May read everything: Sealane. Every request of this user is in the audit log.
    Sealane,
    /// May read config maps, Services and Deployments: Sealane again. Every request is in the audit log.
    Narrow,
    /// May read everything and is not Sealane: its attempts to write show that the audit log tells such things.
    Probe,
}

impl User {
    /// The user's name, as the API server knows it.
    pub fn name(self) -> &'static str {
        match self {
            User::Admin => "admin",
            User::Sealane => "sealane",
            User::Narrow => "narrow",
            User::Probe => "probe",
        }
    }
}

/// A running rig.
pub struct Rig {
    folder: tempfile::TempDir,
    environment: HashMap<String, String>,
}

impl Rig {
    /// Starts one in a scratch folder of its own. Takes some seconds; fails the test, with what the parts said, when a part
    /// is missing or does not come up.
    pub fn start(parts: Parts) -> Rig {
        let folder = tempfile::Builder::new().prefix("sealane-rig-").tempdir().expect("a scratch folder");
        let mut up = script("up.sh");
        match parts {
            Parts::Api => up.args(["--only", "api"]),
            Parts::Cluster => up.args(["--only", "cluster"]),
            Parts::Flux => &mut up,
            Parts::LaxFlux => up.arg("--lax"),
            Parts::Seals => up.args(["--only", "seals"]),
            Parts::Argo => up.args(["--only", "argo"]),
        };
        up.arg("--owner").arg(process::id().to_string()).arg(folder.path());
        run(&mut up);
        let text = fs::read_to_string(folder.path().join("rig.env")).expect("up.sh wrote rig.env");
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let environment = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Rig { folder, environment }
    }

    /// The scratch folder: logs in `log/`, artifacts, kubeconfigs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A line of `rig.env`.
    pub fn env(&self, key: &str) -> &str {
        self.environment.get(key).unwrap_or_else(|| panic!("rig.env has no {key}"))
    }

    /// The user's kubeconfig.
    pub fn kubeconfig(&self, user: User) -> PathBuf {
        self.folder.path().join(format!("{}.kubeconfig", user.name()))
    }

    /// Runs kubectl as that user, whatever comes out.
    pub fn try_kubectl(&self, user: User, words: &[&str]) -> Output {
        let mut kubectl = Command::new(tool("kubectl"));
        kubectl.arg("--kubeconfig").arg(self.kubeconfig(user)).args(words);
        kubectl.stdin(Stdio::null()).output().expect("kubectl runs")
    }

    /// Starts kubectl as that user; the caller waits for it.
    pub fn spawn_kubectl(&self, user: User, words: &[&str]) -> Child {
        let mut kubectl = Command::new(tool("kubectl"));
        kubectl.arg("--kubeconfig").arg(self.kubeconfig(user)).args(words);
        kubectl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        kubectl.spawn().expect("kubectl runs")
    }

    /// Stops one of the rig's processes in its tracks until the answer is dropped: a controller that heals nothing.
    pub fn hold(&self, process: &str) -> Held {
        let folder = fs::read_dir(self.folder().join("pids")).expect("up.sh keeps pids");
        let named = |path: &PathBuf| path.to_string_lossy().ends_with(&format!("-{process}"));
        let file = folder.filter_map(|entry| Some(entry.ok()?.path())).find(named);
        let pid = fs::read_to_string(file.expect("the process was started")).expect("a pid");
        let held = Held { pid: pid.trim().to_owned() };
        held.signal("STOP");
        held
    }

    /// Runs kubectl as the admin and answers its output; fails the test when kubectl does.
    pub fn kubectl(&self, words: &[&str]) -> String {
        let output = self.try_kubectl(User::Admin, words);
        assert!(output.status.success(), "kubectl {words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs kubectl as the admin with `-o json`.
    pub fn kubectl_json(&self, words: &[&str]) -> Value {
        let words = [words, &["-o", "json"]].concat();
        serde_json::from_str(&self.kubectl(&words)).expect("kubectl -o json answers JSON")
    }

    /// What the API server noted of the audited users' requests so far.
    pub fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.env("RIG_AUDIT_LOG")).expect("the audit log can be read");
        text.lines().map(|line| serde_json::from_str(line).expect("an audit line is JSON")).collect()
    }

    /// Fails the test when Sealane's user did anything but read (and ask what it may read).
    pub fn assert_only_reads(&self) {
        for event in self.audit() {
            let user = event["user"]["username"].as_str().unwrap_or_default();
            if user == User::Probe.name() {
                continue;
            }
            let verb = event["verb"].as_str().unwrap_or_default();
            let resource = event["objectRef"]["resource"].as_str().unwrap_or_default();
            let asks = verb == "create"
                && matches!(resource, "selfsubjectaccessreviews" | "selfsubjectrulesreviews");
            assert!(asks || matches!(verb, "get" | "list" | "watch"), "{user} did more than read: {event}");
        }
    }

    /// Makes a revision of a git repository the artifact of a `GitRepository`, as source-controller would.
    pub fn publish(&self, repository: &Path, name: &str) {
        let mut source = script("source.py");
        source.args(["publish", "--name", name, "--dir"]).arg(self.folder()).arg("--repo").arg(repository);
        run(&mut source);
    }

    /// Waits until every Kustomization is Ready at its source's revision.
    pub fn settle(&self, limit: Duration) {
        let mut source = script("source.py");
        source.args(["settled", "--timeout", &limit.as_secs().to_string(), "--dir"]).arg(self.folder());
        run(&mut source);
    }

    /// Bootstraps a repository that `twins.py` made and waits until all of it is applied.
    pub fn deploy(&self, twin: &Path) {
        run(script("deploy.sh").arg(self.folder()).arg(twin));
    }
}

/// A process that stands still.
pub struct Held {
    pid: String,
}

impl Held {
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}").as_str(), &self.pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} could not be sent to {}", self.pid);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let audit = if std::thread::panicking() { Vec::new() } else { self.audit() };
        let down = script("down.sh").arg(self.folder()).status();
        // While a test is failing, its own message matters more.
        if !std::thread::panicking() {
            // Every test of the suite ends with this: whatever it did, Sealane's users only read.
            self.assert_only_reads();
            let mut verbs: BTreeMap<&str, usize> = BTreeMap::new();
            for event in audit.iter().filter(|event| event["user"]["username"] != User::Probe.name()) {
                let asks = event["verb"] == "create";
                let word = if asks { &event["objectRef"]["resource"] } else { &event["verb"] };
                *verbs.entry(word.as_str().unwrap_or("?")).or_default() += 1;
            }
            tell(&format!("audit log of Sealane's users: {verbs:?}"));
            assert!(down.is_ok_and(|status| status.success()), "down.sh failed");
        }
    }
}

/// A program or script of `tests/rig`.
pub fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig").join(name))
}

/// One of the rig's real programs.
pub fn tool(name: &str) -> PathBuf {
    let path = cache("bin").join(name);
    assert!(path.exists(), "{} is missing: run `just rig` first", path.display());
    path
}

/// A folder or file of the rig's cache.
pub fn cache(name: &str) -> PathBuf {
    let folder = |key: &str| env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let cache = folder("SEALANE_RIG").or_else(|| Some(user()?.join("sealane-rig")));
    let cache = cache.expect("SEALANE_RIG, XDG_CACHE_HOME or HOME names the cache");
    let path = cache.join(name);
    assert!(path.exists(), "{} is missing: run `just rig` first", path.display());
    path
}

/// Runs a command and answers its output; fails the test with all it said when it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Polls until the probe answers something; fails the test with `what` when it takes too long.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A line for the log of the suite, also where a test's own output is kept back.
pub fn tell(line: &str) {
    // Nothing is lost if nobody listens.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// A program's output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
