//! Which objects of which environment differ between two revisions: of the demo's repository, without its clusters.
//!
//! `cargo run --example compare_revisions`

use anyhow::anyhow;
use sealane::demo::Demo;
use sealane::workspace::{Settings, Workspace};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let demo = Demo::start()?;
    let settings = Settings { no_cluster: true, ..demo.settings() };
    let workspace = Workspace::open(settings).map_err(|problem| anyhow!("{problem}"))?;
    let (from, to) = (Some("HEAD~5".to_owned()), Some("HEAD".to_owned()));
    let differences = workspace.differences(from, to, None).await.map_err(|problem| anyhow!("{problem}"))?;
    anyhow::ensure!(!differences.effects.is_empty(), "five commits of the demo change something");
    #[expect(clippy::print_stdout, reason = "an example prints what it found")]
    for effect in &differences.effects {
        for object in &effect.objects {
            println!("{} {} in {}: {}", object.sign, object.key, effect.environment, object.summary);
        }
    }
    Ok(())
}
