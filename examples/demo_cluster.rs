//! The embedded demo from outside: a repository, three clusters, and what a workspace says about them.
//!
//! `cargo run --example demo_cluster`

use sealane::cli::{self, Command, Where};
use sealane::demo::Demo;
use std::path::PathBuf;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let demo = Demo::start()?;
    let status = Command::Status { path: PathBuf::from(".") };
    let settings = |_: &std::path::Path, _: &Where| demo.settings();
    let face = cli::Face {
        settings: &settings,
        input: &mut std::io::empty(),
        out: &mut std::io::stdout(),
        colour: false,
    };
    let exit = cli::run(status, &Where::default(), face).await;
    anyhow::ensure!(exit == cli::Exit::Incomplete, "the demo's HelmRelease is not rendered: {exit:?}");
    Ok(())
}
