//! Bad input: clusters that cannot be read, or only in part. What git says is shown all the same, and so are the others.

use super::servers::{Cluster, Manner, alike, kubeconfig, nobody, untrusted};
use super::{said, told};
use crate::pty::Pty;
use crate::sandbox::Sandbox;
use sealane::demo::DemoRepository;
use sealane::demo::apiserver::{Access, Writer};
use sealane::model::ObjectKey;
use std::path::Path;

/// What is said about a context: a part of its name, the cause, the next step.
type Told<'a> = (&'a str, Vec<String>);

/// One repository, and the operator's identity to read it with.
fn repository(sandbox: &mut Sandbox) -> DemoRepository {
    sandbox.more.push(("SOPS_AGE_KEY".to_owned(), sealane::demo::OPERATOR.to_owned()));
    let repository = DemoRepository::create(sandbox.folder()).expect("made");
    // The demo's own file names contexts; here nobody has said yet whose cluster is whose.
    std::fs::write(repository.clone.join(".sealane.yaml"), "# nothing\n").expect("written");
    repository
}

/// `.sealane.yaml` on disk, which says whose cluster is whose.
fn clusters_are(fleet: &Path, contexts: &[(&str, &str)]) {
    let lines = contexts.iter().map(|(name, context)| format!("  {name}: {{context: {context}}}\n"));
    let text = format!("environments:\n{}", lines.collect::<String>());
    std::fs::write(fleet.join(".sealane.yaml"), text).expect("written");
}

/// Git is rendered as ever, and without a cluster its apps are neither good nor bad.
fn git_is_shown(status: &str, environment: &str) {
    let of_ten = if environment == "dev" { "8 of 9" } else { "7 of 8" };
    told(status, &[&format!("  {environment} "), of_ten]);
    for app in ["cart", "front", "pay"] {
        told(status, &["unknown", &format!(" {app} "), &format!(" {environment} ")]);
    }
}

/// The cluster that can be read says what it says.
fn prod_is_live(status: &str) {
    told(status, &["  prod ", "live, v1.36.3", "7 of 8"]);
    told(status, &["failing", " pay ", " prod ", "cannot be pulled", "since 99c88d5 by Ana Silva"]);
    told(status, &["drifted", " front ", " prod ", "replicas 3 → 5, by kubectl-edit"]);
}

/// Name, address and more of a context, as [`kubeconfig`] takes it.
type Context<'a> = (&'a str, String, &'a str);

/// Two of these at a time stand in for dev and staging, beside a prod that works.
fn each_is_told_beside_a_cluster_that_works(broken: &[(Context, Vec<String>)]) {
    let mut sandbox = Sandbox::new();
    let repository = repository(&mut sandbox);
    let cluster = Cluster::of(&repository, Access::default());
    let mut contexts = vec![("prod", format!("http://{}", cluster.address), "")];
    contexts.extend(broken.iter().map(|(context, _)| context.clone()));
    let file = sandbox.folder().join("kubeconfig");
    std::fs::write(&file, kubeconfig(&contexts)).expect("written");
    sandbox.more.push(("KUBECONFIG".to_owned(), file.display().to_string()));
    for pair in broken.chunks(2) {
        let names: Vec<&str> = pair.iter().map(|((name, ..), _)| *name).collect();
        let others: Vec<(&str, &str)> = ["dev", "staging"].into_iter().zip(names).collect();
        clusters_are(&repository.clone, &[&[("prod", "prod")], &others[..]].concat());
        let (status, code) = said(&sandbox, &repository.clone, &["status"]);
        assert_eq!(code, 4, "{status}");
        for ((environment, context), (_, words)) in others.iter().zip(pair) {
            let mut all = vec![format!("  {environment} "), format!(" {context}  ")];
            all.extend(words.iter().cloned());
            told(&status, &all.iter().map(String::as_str).collect::<Vec<_>>());
            git_is_shown(&status, environment);
        }
        prod_is_live(&status);
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn without_a_kubeconfig_or_with_a_broken_one_git_is_shown() {
    let mut sandbox = Sandbox::new();
    let fleet = repository(&mut sandbox).clone;
    // It names contexts, which makes a kubeconfig without them a fault.
    std::fs::remove_file(fleet.join(".sealane.yaml")).expect("it was there");
    let missing = sandbox.folder().join("nowhere/config").display().to_string();
    let home = sandbox.folder().join("home/.kube/config").display().to_string();
    let broken = sandbox.folder().join("broken").display().to_string();
    std::fs::write(&broken, "apiVersion: v1\nkind: Config\nusers: [{name: u, user: {token: canary-5}\n")
        .expect("written");
    let none = "name one with --kubeconfig or KUBECONFIG, or look at git alone with --no-cluster";
    for (options, place, cause, next, expected) in [
        (&[][..], &home, "there is no kubeconfig: looked at", none, 3),
        (&["--kubeconfig", &missing], &missing, "there is no kubeconfig: looked at", none, 3),
        (
            &["--kubeconfig", &missing, "--context", "prod", "--environment", "prod"],
            &missing,
            "there is no kubeconfig",
            none,
            4,
        ),
        (&["--kubeconfig", &broken], &broken, "its YAML is broken", "mend the file, or name another one", 3),
        (
            &["--kubeconfig", &broken, "--context", "x", "--environment", "prod"],
            &broken,
            "its YAML is broken",
            "mend the file",
            4,
        ),
    ] {
        let (status, code) = said(&sandbox, &fleet, &[&["status"], options].concat());
        assert_eq!(code, expected, "{status}");
        told(&status, &["  prod ", place, cause, next, "7 of 8"]);
        let shown: &[&str] = if expected == 4 { &["prod"] } else { &["dev", "staging", "prod"] };
        for environment in shown {
            git_is_shown(&status, environment);
        }
        assert!(!status.contains("canary-5"), "{status}");
        let (doctor, code) = said(&sandbox, &fleet, &[&["doctor"], options].concat());
        assert_eq!(code, 3, "{doctor}");
        told(&doctor, &[place, cause, next]);
    }
    let (status, code) = said(&sandbox, &fleet, &["diff", "--live", "--kubeconfig", &broken]);
    assert!(code == 3 && status.contains("7 of 8"), "{code} {status}");
}

#[test]
fn a_context_that_is_not_there_or_leads_nowhere_is_told_with_those_there_are() {
    let dead = format!("http://{}", nobody());
    let missing =
        words(&["there is no context prd; known are prod, dead", "choose one, for example --context prod"]);
    let mut sandbox = Sandbox::new();
    let repository = repository(&mut sandbox);
    let cluster = Cluster::of(&repository, Access::default());
    let contexts = [("prod", format!("http://{}", cluster.address), ""), ("dead", dead.clone(), "")];
    let file = sandbox.folder().join("kubeconfig");
    std::fs::write(&file, kubeconfig(&contexts)).expect("written");
    sandbox.more.push(("KUBECONFIG".to_owned(), file.display().to_string()));
    clusters_are(&repository.clone, &[("dev", "prd"), ("staging", "dead"), ("prod", "prod")]);
    let (status, code) = said(&sandbox, &repository.clone, &["status"]);
    assert_eq!(code, 4, "{status}");
    let unknown: Told<'_> = ("  dev ", missing);
    let refused: Told<'_> = (
        "  staging ",
        words(&[
            &format!("{dead} cannot be reached: connection refused"),
            "check network, VPN and the server's address",
        ]),
    );
    for (environment, words) in [unknown, refused] {
        let mut all = vec![environment];
        all.extend(words.iter().map(String::as_str));
        told(&status, &all);
        git_is_shown(&status, environment.trim());
    }
    prod_is_live(&status);
    // Git against the clusters: what cannot be compared says so, and what can is compared.
    let (diff, code) = said(&sandbox, &repository.clone, &["diff", "--live"]);
    assert_eq!(code, 4, "{diff}");
    told(&diff, &["drifted", "Deployment/shop/front", "prod"]);
    told(&diff, &["dev: 8 of 9", "staging: 7 of 8", "prod: 7 of 8"]);
    // History needs no cluster.
    let history = ["history", "Deployment/shop/pay", "--environment", "staging"];
    let (history, code) = said(&sandbox, &repository.clone, &history);
    assert!(code == 0 && history.contains("commits change this object"), "{code} {history}");
}

#[test]
fn servers_that_do_not_let_us_in_are_told_beside_one_that_does() {
    let expired = alike(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", false);
    let skewed = alike(
        b"HTTP/1.1 401 Unauthorized\r\ndate: Wed, 01 Jan 2020 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n",
        false,
    );
    // TLS alert 42, bad_certificate, as a server sends it that does not accept the client's one.
    let client = alike(&[0x15, 3, 3, 0, 2, 2, 42], false);
    let portal = alike(b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n<html>canary-8 log in</htm", false);
    let untrusted = untrusted();
    let hangs_up = alike(b"", false);
    let certificate = "check certificate-authority and tls-server-name of this cluster in the kubeconfig";
    each_is_told_beside_a_cluster_that_works(&[
        (
            ("expired", format!("http://{expired}"), "token: canary-9"),
            words(&[
                &format!("http://{expired} does not accept the credentials (401"),
                "the token may have expired: log in again",
            ]),
        ),
        (
            ("skewed", format!("http://{skewed}"), "token: canary-9"),
            words(&[
                &format!("http://{skewed} does not accept"),
                "days behind this one",
                "set the clock right, then log in again",
            ]),
        ),
        (
            ("untrusted", format!("https://{untrusted}"), ""),
            words(&[
                &format!("the certificate of https://{untrusted} is not accepted"),
                "UnknownIssuer",
                certificate,
            ]),
        ),
        (
            ("client", format!("https://{client}"), ", insecure-skip-tls-verify: true|"),
            words(&[
                &format!("the certificate of https://{client} is not accepted"),
                "BadCertificate",
                certificate,
            ]),
        ),
        (
            ("portal", format!("http://{portal}"), ""),
            words(&[
                &format!("from http://{portal} cannot be understood"),
                "something between here and the API server",
            ]),
        ),
        (
            ("hangs-up", format!("http://{hangs_up}"), ""),
            words(&[&format!("the connection to http://{hangs_up} broke"), "check the way to it"]),
        ),
    ]);
}

#[test]
fn slow_and_half_dead_servers_are_given_up_beside_one_that_works() {
    let slow = alike(b"", true);
    let half = alike(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"gitVersion\":", true);
    each_is_told_beside_a_cluster_that_works(&[
        (
            ("slow", format!("http://{slow}"), ""),
            words(&[&format!("http://{slow} did not answer within 15 s"), "check the way to it"]),
        ),
        (
            ("half", format!("http://{half}"), ""),
            words(&[
                &format!("http://{half} did not go on with its answer within 15 s"),
                "check the way to it",
            ]),
        ),
    ]);
}

/// A sandbox with a repository whose only environment is prod, in a cluster of these rights.
fn prod_alone(access: Access) -> (Sandbox, DemoRepository, Cluster) {
    let mut sandbox = Sandbox::new();
    let repository = repository(&mut sandbox);
    let cluster = Cluster::of(&repository, access);
    let file = sandbox.folder().join("kubeconfig");
    std::fs::write(&file, kubeconfig(&[("prod", format!("http://{}", cluster.address), "")]))
        .expect("written");
    sandbox.more.push(("KUBECONFIG".to_owned(), file.display().to_string()));
    let text = "onlyThese: true\nenvironments:\n  prod: {entry: clusters/prod, context: prod}\n";
    std::fs::write(repository.clone.join(".sealane.yaml"), text).expect("written");
    (sandbox, repository, cluster)
}

#[test]
fn a_clock_that_is_wrong_is_told_and_the_cluster_is_read() {
    let (sandbox, repository, cluster) = prod_alone(Access::default());
    cluster.behaves(Manner::Skewed);
    let (status, code) = said(&sandbox, &repository.clone, &["status"]);
    assert_eq!(code, 3, "{status}");
    let place = format!("http://{}", cluster.address);
    told(&status, &[&place, "the server's clock is", "days behind this one", "next: set the clock right"]);
    prod_is_live(&status);
}

#[test]
fn rights_on_three_kinds_show_these_and_name_the_others() {
    let readable = ["/configmaps", "/services", "apps/deployments"].map(str::to_owned).to_vec();
    let (sandbox, repository, cluster) = prod_alone(Access { token: None, readable: Some(readable) });
    let (status, code) = said(&sandbox, &repository.clone, &["status"]);
    assert_eq!(code, 3, "{status}");
    told(&status, &["  prod ", " prod  ", "partly live, v1.36.3", "7 of 8"]);
    let ask = "next: ask for a role with get, list and watch on these kinds";
    told(&status, &["context prod may not list", "CronJob", "Ingress", "Kustomization", "Pod", ask]);
    for kind in ["ConfigMap", "Service,", "Deployment"] {
        let refused = status.lines().find(|line| line.contains("may not list")).expect("told");
        assert!(!refused.contains(kind), "{refused}");
    }
    // The three kinds are compared as ever.
    let (diff, _) = said(&sandbox, &repository.clone, &["diff", "--live"]);
    told(&diff, &["drifted", "Deployment/shop/front"]);
    told(&diff, &["forbidden", "Secret/shop/cart-db"]);
    told(&status, &["failing", " pay ", "the rollout is stuck", "since 99c88d5 by Ana Silva"]);
    told(
        &status,
        &[
            "unknown",
            " data ",
            "StatefulSet/data/data-postgres: the server does not let us read it",
            "next: ask for a role",
        ],
    );
    // What nobody declares is named, and what somebody owns whom we may not read is not.
    told(&status, &["undeclared", "ConfigMap/shop/cart-hotfix is in the cluster and nobody declares it"]);
    assert!(cluster.answered.lock().expect("not poisoned").iter().any(|(code, _)| *code == 403));
}

/// The row of an app.
fn row(screen: &str, app: &str) -> String {
    screen.lines().find(|line| line.split_whitespace().any(|word| word == app)).unwrap_or_default().to_owned()
}

#[test]
fn a_server_that_falls_silent_is_told_and_found_again_though_it_forgot_everything() {
    let (sandbox, repository, mut cluster) = prod_alone(Access::default());
    let mut screen = Pty::sealane(&sandbox, &[repository.clone.as_os_str()]);
    screen
        .until("a change by hand", |s| s.contains("prod live") && row(s, "front").contains("replicas 3 → 5"));
    cluster.behaves(Manner::Silent);
    let silent = screen.until("that it is offline, and why", |s| {
        s.contains("offline") && s.contains("did not answer within 15 s")
    });
    for app in ["pay", "front", "cart", "checkout"] {
        assert!(!row(&silent, app).is_empty(), "what was read stays\n{silent}");
    }
    assert!(
        row(&silent, "front").contains("replicas 3 → 5") && silent.contains("check the way to it"),
        "{silent}"
    );

    // It comes back, knows none of its versions any more, and something has happened meanwhile.
    cluster.stops();
    let front = ObjectKey::new("apps", "Deployment", "shop", "front");
    let scale = |object: &mut serde_json::Value| object["spec"]["replicas"] = 7.into();
    cluster.store().edit_as(Writer::update("kubectl-edit"), &front, scale).expect("written");
    cluster.behaves(Manner::Forgetful);
    cluster.starts();
    let back = screen
        .until("what is true now", |s| row(s, "front").contains("replicas 3 → 7") && !s.contains("offline"));
    assert!(row(&back, "pay").contains("failing"), "{back}");
    let answered = cluster.answered.lock().expect("not poisoned").clone();
    assert!(answered.iter().any(|(code, path)| *code == 410 && path.contains("watch=")), "{answered:?}");
    screen.press("\x03");
    assert!(screen.ends().success());
}

#[test]
fn a_kind_that_vanishes_while_it_is_watched_is_told_and_the_rest_is_followed() {
    let (sandbox, repository, cluster) = prod_alone(Access::default());
    let mut screen = Pty::sealane(&sandbox, &[repository.clone.as_os_str()]);
    screen
        .until("a change by hand", |s| s.contains("prod live") && row(s, "front").contains("replicas 3 → 5"));
    let crd = "helmreleases.helm.toolkit.fluxcd.io";
    let crd = ObjectKey::new("apiextensions.k8s.io", "CustomResourceDefinition", "", crd);
    cluster.store().delete(&crd).expect("deleted");
    let home = screen.until("what became of it", |s| row(s, "infrastructure").contains("unknown"));
    for (app, state) in [("pay", "failing"), ("front", "drifted"), ("checkout", "waiting")] {
        assert!(row(&home, app).contains(state), "{home}");
    }
    assert!(!home.contains("ingress-nginx-contr"), "what the release owns is not nobody's\n{home}");
    // The other kinds are followed as before.
    let front = ObjectKey::new("apps", "Deployment", "shop", "front");
    let scale = |object: &mut serde_json::Value| object["spec"]["replicas"] = 7.into();
    cluster.store().edit_as(Writer::update("kubectl-edit"), &front, scale).expect("written");
    screen.until("a change by hand", |s| row(s, "front").contains("replicas 3 → 7"));
    screen.press("/");
    screen.type_text("infrastructure");
    screen.press("\r");
    screen.until("cause and next step", |s| {
        let strip = s.split_whitespace().collect::<Vec<_>>().join(" ");
        strip.contains("HelmRelease/ingress/ingress-nginx: the server does not serve this kind")
            && strip.contains("see whether its CustomResourceDefinition is installed, and by what")
    });
    screen.press("\r");
    screen.until("the same beside what git says", |s| {
        row(s, "ingress-nginx").contains("the server does not serve this kind")
    });
    screen.press("\x03");
    assert!(screen.ends().success());
}

#[test]
fn a_context_that_is_given_is_stronger_than_the_one_the_repository_names() {
    let mut sandbox = Sandbox::new();
    let fleet = repository(&mut sandbox).clone;
    clusters_are(&fleet, &[("prod", "demo-prod")]);
    let (status, _) = said(&sandbox, &fleet, &["status", "--environment", "prod", "--context", "mine"]);
    assert!(status.contains("  prod       mine  "), "{status}");
    let (status, _) = said(&sandbox, &fleet, &["status", "--environment", "prod"]);
    assert!(status.contains("  prod       demo-prod  "), "{status}");
}
