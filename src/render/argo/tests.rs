//! What Argo CD's Applications make, story by story.

use super::spec::Application;
use crate::model::{Manifest, ObjectKey, Origin};
use crate::yaml::{Dialect, Limits, read_stream};

/// The first object of a text.
pub(super) fn manifest(text: &str) -> Manifest {
    let stream = read_stream(text.as_bytes(), &"app.yaml".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    let root = stream.documents.into_iter().next().expect("a document").root;
    let (key, version) = ObjectKey::of(&root).expect("an object");
    let origin = Origin { file: "app.yaml".into(), line: 1, ..Origin::default() };
    Manifest { key, version, body: root, origin, steps: Vec::new() }
}

/// The Application `web` in `argocd` with a `spec:`.
pub(super) fn application(spec: &str) -> Application {
    let head = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\n";
    Application::of(&manifest(&format!("{head}{spec}"))).expect("an Application")
}
