//! `sealane demo --serve` in a sandbox: a repository and clusters that programs outside can be pointed at.

use crate::pty::PATIENCE;
use crate::sandbox::Sandbox;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

/// A served demo. Dropping it kills it.
pub struct Served {
    child: Child,
    /// The clone.
    pub clone: PathBuf,
}

impl Served {
    /// Starts it and gives the sandbox the variables that it prints.
    pub fn start(sandbox: &mut Sandbox) -> Self {
        let mut child = sandbox
            .command(env!("CARGO_BIN_EXE_sealane"))
            .args(["demo", "--serve"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let line = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("sealane "));
        let line = line.expect("it prints how to start sealane");
        let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let clone = PathBuf::from(words.pop().expect("the clone comes last"));
        let variables = words.iter().map_while(|word| word.split_once('='));
        sandbox.more.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Self { child, clone }
    }

    /// The value of a key of the live Secret, once it is as wanted.
    pub fn secret_becomes(&self, name: &str, key: &str, wanted: &str) {
        let wanted = STANDARD.encode(wanted);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let config = kube::config::Kubeconfig::read_from(self.folder().join("prod.kubeconfig"));
            let options = kube::config::KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(config.expect("readable"), &options).await;
            let client = kube::Client::try_from(config.expect("complete")).expect("a client");
            let path = format!("/api/v1/namespaces/shop/secrets/{name}");
            let begun = Instant::now();
            loop {
                let request = http::Request::get(&path).body(vec![]).expect("a request");
                let secret: Secret = client.request(request).await.expect("answered");
                let data = secret.data.unwrap_or_default();
                let now = data.get(key).map(|bytes| STANDARD.encode(&bytes.0));
                if now.as_deref() == Some(&wanted) {
                    return;
                }
                assert!(begun.elapsed() < PATIENCE, "{name}.{key} did not become what was sealed");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
    }

    /// The demo's folder.
    pub fn folder(&self) -> &Path {
        self.clone.parent().expect("a folder")
    }

    /// Asks it to end, and waits until it has.
    pub fn ends(&mut self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("sent");
        let status = self.child.wait().expect("waited");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
