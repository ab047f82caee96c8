//! What is remembered is never given for something else: small repositories that change in one way each.

use super::testing::Files;
use super::{BuildCache, Caches, Inputs, discover, render_environment};
use crate::model::{Manifest, OpenError, Opened, Opener, Problem, Reason, SealedFormat, Tree};
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::{Node, Value, to_masked_string};
use std::sync::Arc;

type File = (&'static str, &'static str);

const SYNC: File = (
    "clusters/a/flux-system/gotk-sync.yaml",
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\nspec: {url: 'https://example.org/shop/config'}\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: flux-system, namespace: flux-system}\nspec:\n  path: ./clusters/a\n  sourceRef: {kind: GitRepository, name: flux-system}\n",
);
const APPS: File = (
    "clusters/a/apps.yaml",
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\nspec:\n  path: ./apps\n  decryption: {provider: sops}\n  sourceRef: {kind: GitRepository, name: flux-system}\n  postBuild:\n    substituteFrom:\n    - {kind: ConfigMap, name: settings, optional: true}\n",
);
const SETTINGS: File = (
    "clusters/a/settings.yaml",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: flux-system}\ndata: {TAG: one}\n",
);
const OTHER_SETTINGS: File = (
    "clusters/a/settings.yaml",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: flux-system}\ndata: {TAG: two}\n",
);
const WEB: File = (
    "apps/web/web.yaml",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {tag: '${TAG:=none}'}\n",
);
const MORE: File =
    ("apps/web/more.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: shop}\n");
const LIST: File = ("apps/web/kustomization.yaml", "namePrefix: p-\nresources: [web.yaml]\n");
const IGNORE: File = (".sourceignore", "apps/web/more.yaml\n");

fn objects(files: &[File], caches: &Caches, opener: Option<&dyn Opener>) -> Vec<Arc<Manifest>> {
    let tree = Files::new(files);
    let inputs = Inputs { opener, ..Inputs::new(caches) };
    let found = discover(&tree as &dyn Tree, &caches.surveys, &[]).expect("the files are in memory");
    let rendered = render_environment(&tree, &found.environments[0], &inputs);
    rendered.objects().map(|(_, manifest)| manifest.clone()).collect()
}

fn texts(files: &[File], caches: &Caches) -> Vec<String> {
    let own =
        |manifest: &Arc<Manifest>| format!("{:?} {}", manifest.origin, to_masked_string(&manifest.body));
    objects(files, caches, None).iter().map(own).collect()
}

#[test]
fn every_way_to_change_is_seen_forth_and_back() {
    let first: &[File] = &[SYNC, APPS, SETTINGS, WEB];
    let more: &[File] = &[SYNC, APPS, SETTINGS, WEB, MORE];
    let ways: [(&[File], &[File]); 7] = [
        (first, &[SYNC, APPS, OTHER_SETTINGS, WEB]),
        (first, &[SYNC, APPS, WEB]),
        (first, more),
        (more, &[SYNC, APPS, SETTINGS, WEB, MORE, LIST]),
        (more, &[SYNC, APPS, SETTINGS, WEB, MORE, IGNORE]),
        (first, &[SYNC, APPS, SETTINGS, ("apps/site/web.yaml", WEB.1)]),
        (first, &[SYNC, SETTINGS, WEB]),
    ];
    let caches = Caches::with_workers(2);
    for (before, after) in ways {
        for side in [before, after, before] {
            assert_eq!(texts(side, &caches), texts(side, &Caches::with_workers(1)), "{side:?}");
        }
        assert_ne!(texts(before, &caches), texts(after, &caches), "{after:?}");
    }
}

#[test]
fn what_stays_the_same_is_the_very_same() {
    let caches = Caches::default();
    let find = |files: &[File], name: &str| {
        let all = objects(files, &caches, None);
        all.into_iter().find(|m| *m.key.name == *name).expect("it is rendered")
    };
    let one = find(&[SYNC, APPS, SETTINGS, WEB], "web");
    // Another file of the repository, which nobody renders.
    let other: File = ("docs/readme.yaml", "a: 1\n");
    assert!(Arc::ptr_eq(&one, &find(&[SYNC, APPS, SETTINGS, WEB, other], "web")));
    assert!(!Arc::ptr_eq(&one, &find(&[SYNC, APPS, OTHER_SETTINGS, WEB], "web")));
    let off = Caches { builds: BuildCache::new(0), ..Caches::default() };
    let again = || objects(&[SYNC, APPS, SETTINGS, WEB], &off, None).pop().expect("something");
    assert!(!Arc::ptr_eq(&again(), &again()), "without a memory everything is made anew");
}

/// Opens everything that has a `sops` block, if it has the key.
struct Key(bool);

impl Opener for Key {
    fn open_object(&self, body: &Node, file: &str) -> Result<Opened<Node>, OpenError> {
        let mut open = body.clone();
        match open.as_map_mut().and_then(|map| map.remove("sops")) {
            None => Ok(Opened::NotSealed),
            Some(_) if !self.0 => {
                Err(OpenError(Problem::error(Reason::NeedsKey, "no identity opens it").at(file, 0)))
            }
            Some(_) => {
                let text = SecretText::from_string("canary".to_owned());
                let leaf = Node::new(Value::Secret(SecretLeaf::Text(text.into())));
                if let Some(map) = open.as_map_mut() {
                    map.set("stringData", Node::map([("pin", leaf)].into_iter().collect()));
                }
                Ok(Opened::Plain(open))
            }
        }
    }

    fn open_file(&self, _: &[u8], _: &str, _: SealedFormat) -> Result<Opened<SecretText>, OpenError> {
        Ok(Opened::NotSealed)
    }

    fn generation(&self) -> u64 {
        u64::from(self.0)
    }
}

#[test]
fn what_one_set_of_keys_opened_is_given_to_no_other() {
    let sealed: File = (
        "apps/web/pin.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: pin, namespace: shop}\nstringData: {pin: 'ENC[AES256_GCM,data:x]'}\nsops: {mac: x}\n",
    );
    let caches = Caches::default();
    let is_open = |opener: Option<&dyn Opener>| {
        let all = objects(&[SYNC, APPS, SETTINGS, WEB, sealed], &caches, opener);
        let pin = all.into_iter().find(|m| &*m.key.name == "pin").expect("it is declared");
        let value = pin.body.at_path(&["stringData", "pin"]).map(|node| node.value.clone());
        matches!(value, Some(Value::Secret(SecretLeaf::Text(_))))
    };
    for _ in 0..2 {
        assert!(is_open(Some(&Key(true))));
        assert!(!is_open(Some(&Key(false))));
        assert!(!is_open(None));
    }
}
