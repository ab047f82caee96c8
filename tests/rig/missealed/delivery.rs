//! Files that are sealed rightly and that nobody will open where they are applied (secrets.md 2.3).

use super::in_the_clear::VALUE;
use super::{Case, Sops};

const KUBERNETES: &str = "    encrypted_regex: ^(data|stringData)$\n";

fn kustomization(name: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: flux-system\nspec:\n  path: ./{path}\n  prune: true\n{more}"
    )
}

const DECRYPTS: &str = "  decryption:\n    provider: sops\n    secretRef:\n      name: sops-age\n";

fn secret(name: &str, namespace: &str, key: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: {namespace}\nstringData:\n  {key}: {VALUE}\n"
    )
}

pub fn cases(sops: &Sops) -> Vec<Case> {
    let mut all = Vec::new();
    let sealed = |name: &str, plain: &str| sops.seal(name, KUBERNETES, plain);
    for folder in ["apps", "apps/shop"] {
        let file = format!("{folder}/db.sops.yaml");
        all.push(
            Case::of("no-decryption", "flux/apps.yaml", kustomization("apps", folder, ""))
                .with(&file, sealed("db.sops.yaml", &secret("db", "shop", "password"))),
        );
    }
    for key in ["age.key", "keys.txt"] {
        all.push(
            Case::of(
                "key-name",
                "flux/key.sops.yaml",
                sealed("key.sops.yaml", &secret("sops-age", "flux-system", key)),
            )
            .with("flux/apps.yaml", kustomization("apps", "apps", DECRYPTS)),
        );
    }
    for namespace in ["default", "shop"] {
        let key = sealed("key.sops.yaml", &secret("sops-age", namespace, "age.agekey"));
        all.push(
            Case::of("other-namespace", "flux/apps.yaml", kustomization("apps", "apps", DECRYPTS))
                .with("keys/key.sops.yaml", key),
        );
    }
    for (key, name) in [("config", "config.sops.yaml"), ("settings.env", "settings.sops.json")] {
        let plain = if name.ends_with("json") { "{\"a\": \"b\"}" } else { "a: b\n" };
        let generator = format!("secretGenerator:\n  - name: a\n    files:\n      - {key}={name}\n");
        all.push(
            Case::of("other-format", "kustomization.yaml", generator).with(name, sops.seal(name, "", plain)),
        );
    }
    let stranger = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    for recipients in [stranger.to_owned(), format!("{},{stranger}", sops.recipient)] {
        let rules =
            format!("creation_rules:\n  - path_regex: sops\\.yaml$\n    age: {recipients}\n{KUBERNETES}");
        let file = sealed("db.sops.yaml", &secret("db", "shop", "password"));
        all.push(Case::of("other-recipients", "db.sops.yaml", file).with(".sops.yaml", rules));
    }
    all
}
