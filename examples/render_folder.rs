//! Renders a folder as `kustomize build` does: the one that is named, or a small one made for the occasion.
//!
//! `cargo run --example render_folder [FOLDER]`

use anyhow::anyhow;
use sealane::workspace::{BuildRequest, build};
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let made = tempfile::tempdir()?;
    let folder = if let Some(folder) = std::env::args().nth(1) {
        PathBuf::from(folder)
    } else {
        let kustomization =
            "namespace: shop\nconfigMapGenerator:\n- name: front\n  literals: [colour=blue]\n";
        std::fs::write(made.path().join("kustomization.yaml"), kustomization)?;
        made.path().to_path_buf()
    };
    let request = BuildRequest { confined: true, legacy_order: false, managed_by_label: false };
    let objects = build(&folder, &request).map_err(|problem| anyhow!("{problem}"))?;
    anyhow::ensure!(objects.contains("kind:"), "{} declares no object", folder.display());
    #[expect(clippy::print_stdout, reason = "an example prints what it found")]
    {
        print!("{objects}");
    }
    Ok(())
}
