//! Files that the real sops sealed and that are open all the same (secrets.md 1.13): its exit code was 0.

use super::in_the_clear::VALUE;
use super::{Case, Sops};

const KUBERNETES: &str = "    encrypted_regex: ^(data|stringData)$\n";

fn secret(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  password: {VALUE}\n  user: ana\n"
    )
}

fn values() -> String {
    format!("database:\n  host: db\n  password: {VALUE}\n  token: {VALUE}\n")
}

pub fn cases(sops: &Sops) -> Vec<Case> {
    let mut all = silent(sops);
    all.extend(lines(sops));
    all.extend(by_hand(sops));
    all.extend(tampered(sops));
    all
}

/// Expressions that seal nothing and say nothing.
fn silent(sops: &Sops) -> Vec<Case> {
    let mut all = Vec::new();
    let broken = ["^(data|stringData", "^(?!metadata)", "^(password", "^(?=password)"];
    let mistaken = ["^stringdata$", "^(data | stringData)$", "^string_data$", "^( data|stringData )$"];
    for (number, regex) in broken.iter().enumerate() {
        let rule = format!("    encrypted_regex: '{regex}'\n");
        let (name, plain) = (format!("{number}.sops.yaml"), if number < 2 { secret("a") } else { values() });
        all.push(Case::of("sealed-in-name-only", &name, sops.seal(&name, &rule, &plain)));
    }
    for regex in mistaken {
        let rule = format!("    encrypted_regex: '{regex}'\n");
        all.push(Case::of("secret-object", "db.sops.yaml", sops.seal("db.sops.yaml", &rule, &secret("a"))));
        all.push(Case::of("sealed-in-name-only", "v.sops.yaml", sops.seal("v.sops.yaml", &rule, &values())));
    }
    let json = format!("{{\"database\": {{\"password\": \"{VALUE}\"}}}}");
    for rule in ["    encrypted_regex: '^(pass'\n", "    encrypted_suffix: _secret\n"] {
        all.push(Case::of("sealed-in-name-only", "v.sops.json", sops.seal("v.sops.json", rule, &json)));
    }
    all
}

/// A rule for Kubernetes over files that are none.
fn lines(sops: &Sops) -> Vec<Case> {
    let env = format!("DB_USER=ana\nDB_PASSWORD={VALUE}\n");
    let ini = format!("[db]\nuser = ana\npassword = {VALUE}\n");
    let mut all = Vec::new();
    for name in ["app.env", "secret.env"] {
        all.push(Case::of("sealed-in-name-only", name, sops.seal(name, KUBERNETES, &env)));
    }
    for name in ["app.ini", "db.sops.ini"] {
        all.push(Case::of("sealed-in-name-only", name, sops.seal(name, KUBERNETES, &ini)));
    }
    let sealed = sops.seal("more.env", "", &env);
    all.push(Case::of("open-value", "more.env", format!("API_TOKEN={VALUE}\n{sealed}")));
    let sealed = sops.seal("more.ini", "", &ini);
    all.push(Case::of(
        "open-value",
        "more.ini",
        sealed.replacen("[db]\n", &format!("[db]\ntoken = {VALUE}\n"), 1),
    ));
    // sops before 3.11 left the data of a binary file open under such a rule.
    for name in ["token.txt", "tls.p12.sops"] {
        let sealed = sops.seal(name, "", &format!("{VALUE}\n"));
        let mut root: serde_json::Value = serde_json::from_str(&sealed).expect("JSON");
        root["data"] = VALUE.into();
        root["sops"]["encrypted_regex"] = "^(data|stringData)$".into();
        all.push(Case::of("sealed-in-name-only", name, serde_json::to_string_pretty(&root).expect("JSON")));
    }
    all
}

/// What `sops set` and an editor add outside of the selector, or inside and open.
fn by_hand(sops: &Sops) -> Vec<Case> {
    let mut all = Vec::new();
    let data = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ndata:\n  password: aHVudGVyMg==\n";
    let sealed = sops.seal("db.sops.yaml", "    encrypted_regex: ^data$\n", data);
    let added =
        sops.set("db.sops.yaml", &sealed, r#"["stringData"]"#, &format!("{{\"token\": \"{VALUE}\"}}"));
    all.push(Case::of("secret-object", "db.sops.yaml", added));
    let sealed = sops.seal("v.sops.yaml", "    encrypted_regex: ^password$\n", &values());
    let added = sops.set("v.sops.yaml", &sealed, r#"["apiPassword"]"#, &format!("\"{VALUE}\""));
    all.push(Case::of("named-value", "v.sops.yaml", added));
    for name in ["a", "b"] {
        let sealed = sops.seal("db.sops.yaml", KUBERNETES, &secret(name));
        let added = sealed.replacen("stringData:\n", &format!("stringData:\n    extra: {VALUE}\n"), 1);
        all.push(Case::of("secret-object", "db.sops.yaml", added));
    }
    let sealed = sops.seal("v.sops.yaml", "", &values());
    all.push(Case::of("open-value", "v.sops.yaml", format!("extra: {VALUE}\n{sealed}")));
    // A sealed document, and behind it one that is not.
    let sealed = sops.seal("db.sops.yaml", KUBERNETES, &secret("a"));
    all.push(Case::of("secret-object", "db.sops.yaml", format!("{sealed}---\n{}", secret("b"))));
    // Ciphertext whose block was lost.
    for plain in [secret("a"), values()] {
        let sealed = sops.seal("db.sops.yaml", "", &plain);
        let at = sealed.find("sops:\n").expect("a block");
        all.push(Case::of("lost-block", "db.sops.yaml", &sealed[..at]));
    }
    // Sealed whole: no controller can read what it is.
    for name in ["a.sops.yaml", "b.sops.yaml"] {
        all.push(Case::of("whole-manifest", name, sops.seal(name, "", &secret(name))));
    }
    all
}

/// Changed without the key: what sops says "MAC mismatch" to, and Flux does not see.
fn tampered(sops: &Sops) -> Vec<Case> {
    let sealed = sops.seal("db.sops.yaml", KUBERNETES, &secret("cart"));
    let list = sops.seal("l.sops.yaml", "", "list:\n  - one\n  - two\nother: three\n");
    let items: Vec<&str> = list.lines().filter(|line| line.trim_start().starts_with("- ENC[")).collect();
    let swapped = list.replace(items[0], "@").replace(items[1], items[0]).replace('@', items[1]);
    let moved = sealed.replace("    password: ENC", "    moved: ENC");
    let changed = sealed.replace("name: cart", "name: shop");
    let mut cut = sealed.clone();
    let at = cut.find("password: ENC[AES256_GCM,data:").expect("sealed") + 30;
    let letter = if &cut[at..=at] == "A" { "B" } else { "A" };
    cut.replace_range(at..=at, letter);
    [changed, moved, swapped, cut]
        .into_iter()
        .map(|text| Case::of("tampered", "db.sops.yaml", text))
        .collect()
}
