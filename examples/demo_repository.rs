//! Makes the demo's repository in the folder that is given: `cargo run --example demo_repository -- DIR`.
use sealane::demo::DemoRepository;
fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("which folder?"))?;
    std::fs::create_dir_all(&folder)?;
    DemoRepository::create(std::path::Path::new(&folder))?;
    Ok(())
}
