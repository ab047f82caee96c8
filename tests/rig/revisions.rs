//! Every root of the real repositories at ten revisions of each, old ones included, against the real kustomize.

mod corpora {
    use crate::bundles::{Bundle, say};
    use crate::folder::Files;
    use crate::kustomize::Kustomize;
    use crate::oracle::git;
    use sealane::render::kustomize::{BuildOptions, DocumentCache, FILE_NAMES, Inputs, build, to_text};

    use std::path::Path;

    const BUNDLES: [&str; 4] = [
        "budimanjojo__home-cluster",
        "caarlos0__home",
        "fluxcd__flux2-kustomize-helm-example",
        "toboshii__home-ops",
    ];

    /// Revisions of each bundle.
    const REVISIONS: usize = 10;

    #[test]
    fn every_root_is_built_as_kustomize_builds_it_at_ten_revisions() {
        let (mut kustomize, mut wrong, mut all) = (Kustomize::start(), Vec::new(), 0);
        for name in BUNDLES {
            let bundle = Bundle::of(name);
            let line = bundle.line();
            let last = line.len() - 1;
            let (mut same, mut refused) = (0, 0);
            let documents = DocumentCache::default();
            for number in 0..REVISIONS {
                let revision = &line[last * number / (REVISIONS - 1)];
                git(&bundle.beside, &["checkout", "--quiet", "--force", "--detach", revision]);
                let files = Files::on_disk(&bundle.beside);
                for root in roots(&bundle.beside) {
                    let theirs = kustomize.folder(&bundle.beside.join(&root));
                    match (&theirs, ours(&files, &root, &documents)) {
                        (Ok(theirs), Ok(ours)) if *theirs == ours => same += 1,
                        (Err(_), Err(_)) => refused += 1,
                        (theirs, ours) => {
                            let told = |made: &Result<String, String>| match made {
                                Ok(text) => format!("{} bytes", text.len()),
                                Err(why) => why.clone(),
                            };
                            let (theirs, ours) = (told(theirs), told(&ours));
                            wrong.push(format!("{name} {revision} {root}: kustomize {theirs}, ours {ours}"));
                        }
                    }
                }
            }
            say(&format!(
                "{name}: {REVISIONS} of {} revisions: {same} roots the same, {refused} refused by both",
                line.len()
            ));
            all += same;
        }
        assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
        assert!(all >= 1000, "only {all} roots were compared");
    }

    fn ours(files: &Files, root: &str, documents: &DocumentCache) -> Result<String, String> {
        let inputs = Inputs::new(documents);
        let options = BuildOptions { confined: false, ..BuildOptions::default() };
        build(files, root, &options, &inputs)
            .map(|built| to_text(&built))
            .map_err(|error| error.problem().to_string())
    }

    /// Folders with a kustomization that is no component.
    fn roots(top: &Path) -> Vec<String> {
        let listed = git(top, &["ls-tree", "-r", "--name-only", "HEAD"]);
        let mut found: Vec<String> = listed
            .lines()
            .filter_map(|path| {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                let text = std::fs::read_to_string(top.join(path)).unwrap_or_default();
                (FILE_NAMES.contains(&name) && !text.contains("kind: Component")).then(|| folder.to_owned())
            })
            .collect();
        found.dedup();
        found
    }
}
