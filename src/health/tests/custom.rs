//! Custom resources of well-known projects, by case data.

use super::*;

#[test]
fn custom_resources() {
    check(
        "bitnami.com/v1alpha1 SealedSecret",
        &conditions(&[("Synced", "False", "", "no key could decrypt secret")]),
        Degraded,
        "cannot be unsealed: no key could decrypt",
    );
    check("bitnami.com/v1alpha1 SealedSecret", "spec: {}", Progressing, "not unsealed yet");
    check("bitnami.com/v1alpha1 SealedSecret", &conditions(&[("Synced", "True", "", "")]), Healthy, "");
    let certificate = "cert-manager.io/v1 Certificate";
    check(
        certificate,
        &conditions(&[
            ("Issuing", "True", "a", "waiting for order"),
            ("Ready", "False", "DoesNotExist", "x"),
        ]),
        Progressing,
        "waiting for order",
    );
    check(
        certificate,
        &conditions(&[("Ready", "False", "Failed", "order is invalid")]),
        Degraded,
        "order is invalid",
    );
    check("cert-manager.io/v1 ClusterIssuer", &conditions(&[("Ready", "True", "a", "")]), Healthy, "");
    check(
        "external-secrets.io/v1 ExternalSecret",
        &conditions(&[("Ready", "False", "SecretSyncedError", "could not get secret")]),
        Degraded,
        "could not get secret",
    );
    check("external-secrets.io/v1 ExternalSecret", "spec: {}", Progressing, "");
    check(
        "keda.sh/v1alpha1 ScaledObject",
        &conditions(&[("Ready", "True", "a", ""), ("Paused", "True", "a", "")]),
        Suspended,
        "",
    );
    check(
        "gateway.networking.k8s.io/v1 HTTPRoute",
        "status: {parents: [{parentRef: {name: gw}, conditions: [{type: Accepted, status: 'False', reason: NoMatchingParent, message: ''}]}]}",
        Degraded,
        "gw does not take it: NoMatchingParent",
    );
    check(
        "example.org/v1 Thing",
        &conditions(&[("Available", "False", "Broken", "it broke")]),
        Degraded,
        "not available: it broke",
    );
    check("example.org/v1 Thing", &conditions(&[("Established", "True", "a", "")]), Healthy, "");
    check("example.org/v1 Thing", "spec: {}", NotApplicable, "");
    check("v1 ConfigMap", "data: {a: b}", NotApplicable, "");
}

#[test]
fn flux_kustomizations() {
    let kind = "kustomize.toolkit.fluxcd.io/v1 Kustomization";
    let retry = ("Reconciling", "True", "ProgressingWithRetry", "x");
    for (told, state, words) in [
        (vec![("Ready", "True", "ReconciliationSucceeded", "Applied")], Healthy, ""),
        (
            vec![("Ready", "False", "BuildFailed", "kustomize build failed")],
            Degraded,
            "kustomize build failed",
        ),
        (
            vec![("Ready", "False", "DependencyNotReady", "dependency shop/db is not ready"), retry],
            Progressing,
            "shop/db",
        ),
        (vec![("Ready", "False", "HealthCheckFailed", "timeout"), retry], Degraded, "tried again: timeout"),
        (
            vec![
                ("Ready", "Unknown", "Progressing", "x"),
                ("Reconciling", "True", "Progressing", "building"),
            ],
            Progressing,
            "building",
        ),
        (
            vec![("Stalled", "True", "InvalidCELExpression", "bad expression")],
            Degraded,
            "stalled: bad expression",
        ),
    ] {
        check(kind, &conditions(&told), state, words);
    }
    check(kind, "spec: {suspend: true}", Suspended, "");
    check(kind, "status: {observedGeneration: -1}", Progressing, "newest spec");
}

#[test]
fn flux_releases_and_sources() {
    let release = "helm.toolkit.fluxcd.io/v2 HelmRelease";
    check(
        release,
        &conditions(&[
            ("Ready", "True", "a", ""),
            ("Released", "True", "a", ""),
            ("TestSuccess", "True", "a", ""),
        ]),
        Healthy,
        "",
    );
    check(
        release,
        &conditions(&[
            ("Ready", "False", "UpgradeFailed", "x"),
            ("Released", "False", "UpgradeFailed", "cannot patch"),
        ]),
        Degraded,
        "cannot patch",
    );
    check("source.toolkit.fluxcd.io/v1 HelmRepository", "spec: {type: oci}", NotApplicable, "address only");
    check("notification.toolkit.fluxcd.io/v1beta3 Alert", "spec: {}", NotApplicable, "");
    check(
        "source.toolkit.fluxcd.io/v1 GitRepository",
        &conditions(&[("Ready", "False", "GitOperationFailed", "cannot clone https://bob:canary@host/x")]),
        Degraded,
        "cannot clone https://•@host/x",
    );
}
