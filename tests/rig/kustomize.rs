//! The real kustomize as a library in one process of its own: builds by the thousand.

use crate::support::tool;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The process; it ends when this is dropped.
pub struct Kustomize {
    process: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Kustomize {
    pub fn start() -> Self {
        let mut oracle = Command::new(tool("kustomize-oracle"));
        oracle.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Nothing is fetched.
        oracle.envs([("HTTPS_PROXY", "http://127.0.0.1:9"), ("GIT_ALLOW_PROTOCOL", "none")]);
        let mut process = oracle.spawn().expect("the oracle runs");
        let ask = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("it was asked for"));
        Self { process, ask, answers }
    }

    /// Builds a folder of files that are on no disk, as the command does.
    pub fn tree(&mut self, files: &BTreeMap<String, String>, root: &str) -> Result<String, String> {
        self.answer(&json!({"files": files, "root": format!("/{root}")}))
    }

    /// Builds a folder on disk; files may lie anywhere.
    pub fn folder(&mut self, folder: &Path) -> Result<String, String> {
        self.answer(&json!({"root": folder, "anywhere": true}))
    }

    fn answer(&mut self, request: &Value) -> Result<String, String> {
        let ask = self.ask.as_mut().expect("the oracle lives");
        writeln!(ask, "{request}").expect("the oracle takes it");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the oracle answers");
        let mut answer: Value = serde_json::from_str(&line).expect("it answers JSON");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => match answer["yaml"].take() {
                Value::String(text) => Ok(text),
                other => panic!("no text: {other}"),
            },
        }
    }
}

impl Drop for Kustomize {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.ask.take());
        let _ = self.process.wait();
    }
}
