//! What was never sealed (secrets.md 6.2): objects, files, keys, tokens, values with telling names.

use super::{Case, fresh_identity};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The value of all cases, by which a leak of it into any output is seen.
pub const VALUE: &str = "Canary-4711-hunter2";

pub fn cases() -> Vec<Case> {
    let mut all = objects();
    all.extend(files());
    all.extend(keys());
    all.extend(tokens());
    all.extend(logins());
    all.extend(likely());
    all
}

fn secret(name: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  password: {VALUE}\n")
}

fn indented(text: &str, by: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| [&*" ".repeat(by), line, "\n"].concat()).collect();
    lines.concat()
}

/// Secrets, wherever they stand.
fn objects() -> Vec<Case> {
    let encoded = STANDARD.encode(VALUE);
    let object = |path: &str, text: String| Case::of("secret-object", path, text);
    let items = indented(&secret("a"), 4).replacen("    a", "  - a", 1);
    let patch = format!("- op: add\n  path: /stringData/password\n  value: {VALUE}\n");
    let applied =
        format!("{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"stringData\":{{\"password\":\"{VALUE}\"}}}}");
    let with_annotation = |kind: &str, version: &str, more: &str| {
        format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: a\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {applied}\n{more}"
        )
    };
    vec![
        object("a.yaml", secret("a")),
        object(
            "a.json",
            format!(
                "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"a\"}},\"data\":{{\"p\":\"{encoded}\"}}}}"
            ),
        ),
        object(
            "b.yml",
            format!("kind: Secret\napiVersion: v1\nmetadata: {{name: b}}\ndata: {{p: {encoded}}}\n"),
        ),
        object(
            "list.yaml",
            format!(
                "apiVersion: v1\nkind: List\nitems:\n{}",
                items.replacen("    apiVersion", "  - apiVersion", 1)
            ),
        ),
        object(
            "many.yaml",
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n---\n{}", secret("b")),
        ),
        object(
            "chart/templates/secret.yaml",
            format!(
                "{{{{- if .Values.on }}}}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {{{{ .Release.Name }}}}\nstringData:\n  password: {VALUE}\n{{{{- end }}}}\n"
            ),
        ),
        object("secret.yaml.j2", format!("{{% if on %}}\n{}{{% endif %}}\n", secret("a"))),
        object(
            "cm.yaml",
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  extra.yaml: |\n{}",
                indented(&secret("a"), 4)
            ),
        ),
        object(
            "release.yaml",
            format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: r}}\nspec:\n  values:\n    extraObjects:\n{}",
                indented(&secret("a"), 8).replacen("        apiVersion", "      - apiVersion", 1)
            ),
        ),
        object(
            "kustomization.yaml",
            format!("patches:\n  - target: {{kind: Secret, name: a}}\n    patch: |\n{}", indented(&patch, 6)),
        ),
        object("o/kustomization.yaml", format!("patches:\n  - patch: |\n{}", indented(&secret("a"), 6))),
        object("p/patch.yaml", secret("a")),
        Case::of("last-applied", "l.yaml", with_annotation("Secret", "v1", "data: {}\n")),
        Case::of(
            "last-applied",
            "s.yaml",
            with_annotation("SealedSecret", "bitnami.com/v1alpha1", "spec: {encryptedData: {}}\n"),
        ),
    ]
}

/// Files that a rule or their name says are sealed, and those that somebody left behind.
fn files() -> Vec<Case> {
    const RULES: &str = "creation_rules:\n  - path_regex: secrets/.*\n    age: age1x\n  - path_regex: prod\\.yaml$\n    age: age1x\n";
    let ruled = |path: &str, text: &str| Case::of("not-sealed", path, text).with(".sops.yaml", RULES);
    let plain = format!("database:\n  password: {VALUE}\n");
    let env = format!("PASSWORD={VALUE}\n");
    vec![
        ruled("secrets/values.yaml", &plain),
        ruled("env/prod.yaml", &plain),
        ruled("secrets/app.env", &env),
        ruled("secrets/app.ini", &format!("[a]\nb = {VALUE}\n")),
        ruled("secrets/token", VALUE),
        ruled("secrets/a.json", &format!("{{\"a\": \"{VALUE}\"}}")),
        Case::of("not-sealed", "values.sops.yaml", plain.as_str()),
        Case::of("not-sealed", "values.enc.yaml", plain.as_str()),
        Case::of("not-sealed", "app-secrets.env", env.as_str()),
        Case::of("not-sealed", "token.enc", VALUE),
        Case::of("decrypted-file", "values.yaml.dec", plain.as_str()),
        Case::of("decrypted-file", "values.dec.yaml", plain.as_str()),
    ]
}

fn keys() -> Vec<Case> {
    let key = |path: &str, text: String| Case::of("private-key", path, text);
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    let pem = |kind: &str| {
        let begin = ["-----BEGIN ", kind, "PRIVATE", " KEY-----"].concat();
        format!("{begin}\n{body}\n{}\n", begin.replace("BEGIN", "END"))
    };
    let account =
        serde_json::json!({"type": "service_account", "private_key_id": "4711", "private_key": pem("")});
    vec![
        key("keys.txt", fresh_identity(&[])),
        key("ops.agekey", format!("# ours\n{}\n", fresh_identity(&[]))),
        key("pq.txt", fresh_identity(&["-pq"])),
        key("pq.agekey", fresh_identity(&["-pq"])),
        key("yubikey.txt", ["AGE-PLUGIN-", "YUBIKEY-1QGZKGQYZKMW5XD0QXCPMS\n"].concat()),
        key("tls.key", pem("RSA ")),
        key("ec.pem", pem("EC ")),
        key("id_ed25519", pem("OPENSSH ")),
        key("deploy.sh", format!("cat > key <<X\n{}X\n", pem(""))),
        key("values.yaml", format!("tls:\n  key: |\n{}", indented(&pem(""), 4))),
        key("talos.yaml", format!("ca:\n  key: {}\n", STANDARD.encode(pem("ED25519 ")))),
        key("twice.yaml", format!("a: {}\n", STANDARD.encode(STANDARD.encode(pem(""))))),
        key("account.json", account.to_string()),
    ]
}

/// Split, so that no scanner takes this file for a leak.
fn tokens() -> Vec<Case> {
    let github = ["gh", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].concat();
    let gitlab = ["gl", "pat-a1B2c3D4e5F6g7H8i9J0"].concat();
    let slack =
        ["https://hooks.slack", ".com/services/T02A8B3C4/B05D6E7F8/a1B2c3D4e5F6g7H8i9J0k1L2"].concat();
    let aws = ["AKI", "AQ3EGRTXY7ZB5WMVN"].concat();
    let jwt = ["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"].concat();
    let token = |path: &str, text: String| Case::of("token", path, text);
    vec![
        token(
            "cm.yaml",
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  t: {github}\n"),
        ),
        token("ci.yaml", format!("run: curl -H 'Authorization: {gitlab}' https://git.example\n")),
        token("alert.yaml", format!("url: {slack}\n")),
        token("main.tf", format!("provider \"aws\" {{ id = \"{aws}\" }}\n")),
        token("README.md", format!("Use {github} to log in.\n")),
        token("values.yaml", format!("session: {jwt}\n")),
        token(
            "cm64.yaml",
            format!("config: {}\n", STANDARD.encode(format!("token: {github}\nother: yes\n"))),
        ),
        token("cm65.yaml", format!("config: {}\n", STANDARD.encode(format!("a\nurl={slack}\n")))),
    ]
}

fn logins() -> Vec<Case> {
    let config = |user: &str| {
        format!("apiVersion: v1\nkind: Config\nclusters: []\nusers:\n- name: a\n  user:\n    {user}\n")
    };
    let auth = STANDARD.encode(format!("ana:{VALUE}"));
    vec![
        Case::of("login", "kubeconfig", config(&format!("token: {VALUE}"))),
        Case::of("login", "k.yaml", config(&format!("client-key-data: {}", STANDARD.encode(VALUE)))),
        Case::of(
            "login",
            ".dockerconfigjson",
            format!("{{\"auths\": {{\"ghcr.io\": {{\"auth\": \"{auth}\"}}}}}}"),
        ),
        Case::of(
            "login",
            "config.json",
            format!("{{\"auths\": {{\"quay.io\": {{\"password\": \"{VALUE}\"}}}}}}"),
        ),
    ]
}

/// What is likely a secret, and wants a look.
fn likely() -> Vec<Case> {
    let named = |path: &str, text: String| Case::of("named-value", path, text);
    let random = "9f86d081884c7d659a2feaa0c55ad015";
    vec![
        named("values.yaml", format!("grafana:\n  adminPassword: {VALUE}\n")),
        named("chart/values.yaml", format!("auth: {{}}\nrootPassword: \"{VALUE}\"\n")),
        named("deploy.yaml", format!("env:\n  - name: DB_PASSWORD\n    value: {VALUE}\n")),
        named("d2.yaml", format!("env:\n  - name: API_TOKEN\n    value: \"{random}\"\n")),
        named("job.yaml", format!("args:\n  - --db-password={VALUE}\n")),
        named("j2.yaml", format!("args: [\"--token={random}\"]\n")),
        named(
            "cm.yaml",
            format!(
                "kind: ConfigMap\napiVersion: v1\nmetadata: {{name: a}}\ndata:\n  clientSecret: {random}\n"
            ),
        ),
        named("app.properties", format!("spring.datasource.password={VALUE}\n")),
        named(".env", format!("export SMTP_PASSWORD={VALUE}\n")),
        Case::of("url-password", "u.yaml", format!("url: postgres://cart:{VALUE}@db.shop.svc/cart\n")),
        Case::of("url-password", "v.env", format!("AMQP=amqps://cart:{VALUE}@mq:5671/\n")),
        Case::of(
            "generator",
            "kustomization.yaml",
            format!("secretGenerator:\n  - name: a\n    literals:\n      - password={VALUE}\n"),
        ),
        Case::of(
            "generator",
            "b/kustomization.yaml",
            format!("secretGenerator:\n  - name: a\n    literals: [\"token={VALUE}\"]\n"),
        ),
        Case::of("generator", "c/kustomization.yaml", "secretGenerator:\n  - name: a\n    envs: [app.env]\n")
            .with("c/app.env", format!("A={VALUE}\n")),
        Case::of(
            "generator",
            "d/kustomization.yaml",
            "secretGenerator:\n  - name: a\n    files: [key=login.txt]\n",
        )
        .with("d/login.txt", VALUE),
    ]
}
