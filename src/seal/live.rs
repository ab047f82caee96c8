//! A Secret of a cluster into a sealed file: as a new Secret of the same name and type, or its keys into a file that is there.

use super::edit::Edit;
use super::inspect::format_of;
use super::make::{create, create_as};
use super::rules::Rules;
use crate::model::{LiveSecret, Problem, Reason, SealedFormat, clean};
use crate::secret::SecretText;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Edits that set its keys: those that are named, or all.
pub fn live_edits(secret: &LiveSecret, keys: &[String]) -> Result<Vec<Edit>, Problem> {
    let name = clean(&secret.frame.name);
    let none = |cause: String, next: &str| Err(Problem::error(Reason::MissingFile, cause).next(next));
    if let Some(key) = keys.iter().find(|key| secret.values.iter().all(|(known, _)| known != *key)) {
        let known: Vec<String> = secret.values.iter().map(|(known, _)| clean(known)).collect();
        let next = format!("it holds {}", known.join(", "));
        return none(format!("the live Secret {name} has no key `{}`", clean(key)), &next);
    }
    if secret.values.is_empty() {
        return none(format!("the live Secret {name} holds no keys"), "there is nothing to seal");
    }
    let wanted = |key: &String| keys.is_empty() || keys.contains(key);
    secret
        .values
        .iter()
        .filter(|(key, _)| wanted(key))
        .map(|(key, encoded)| {
            let value = STANDARD.decode(encoded.expose_secret()).map(SecretText::from_vec).map_err(|_| {
                let cause = format!("`{}` of the live Secret {name} is no base64", clean(key));
                Problem::error(Reason::InvalidObject, cause).next("mend the Secret, then try again")
            })?;
            Ok(Edit::Set { key: key.clone(), value })
        })
        .collect()
}

/// A new sealed file of it for the rule that applies to the path: a Secret in YAML and JSON, its keys elsewhere.
pub fn create_live(
    secret: &LiveSecret,
    keys: &[String],
    file: &str,
    rules: &Rules,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let edits = live_edits(secret, keys)?;
    match format_of(file) {
        SealedFormat::Yaml | SealedFormat::Json => create_as(file, &secret.frame, rules, edits, time),
        _ => create(file, rules, edits, time),
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::super::testing::{FILE, OPS, ring, rules};
    use super::*;
    use crate::model::SecretFrame;

    fn secret() -> LiveSecret {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let value =
            |key: &str, bytes: &[u8]| (key.to_owned(), SecretText::from_string(STANDARD.encode(bytes)));
        LiveSecret {
            frame: SecretFrame {
                namespace: "shop".into(),
                name: "yes".into(),
                secret_type: "kubernetes.io/tls".into(),
                labels: vec![pair("team", "a: b")],
                annotations: vec![pair("note", "two\nlines")],
                immutable: true,
            },
            left_out: vec![],
            values: vec![value("empty", b""), value("raw", b"\xff\xfe"), value("text", b"canary\n")],
        }
    }

    #[test]
    fn a_new_file_is_the_secret_without_what_the_server_wrote() {
        for (file, head) in [
            (
                FILE,
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"yes\"\n  namespace: shop\n  labels:\n    team: 'a: b'\n  annotations:\n    note: \"two\\nlines\"\ntype: kubernetes.io/tls\nimmutable: true\nstringData:\n  empty: \"\"\n  text: ENC[",
            ),
            (
                "apps/cart/overlays/prod/db.sops.json",
                "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Secret\",\n\t\"metadata\": {\n\t\t\"name\": \"yes\",\n\t\t\"namespace\": \"shop\",",
            ),
        ] {
            let ring = ring(OPS);
            let who = ring.recipients().next().expect("an identity").0;
            let text = format!("creation_rules: [{{encrypted_regex: ^(data|stringData)$, age: {who}}}]");
            let rules = Rules::parse(text.as_bytes(), ".sops.yaml");
            let rules = if file == FILE { super::super::testing::rules() } else { rules };
            let made = create_live(&secret(), &[], file, &rules, 0);
            let made = made.unwrap_or_else(|problem| panic!("{file}: {problem}"));
            let text = String::from_utf8(made.clone()).expect("text");
            assert!(text.starts_with(head), "{text}");
            if file == FILE {
                let open = open(&made, file, &ring).unwrap_or_else(|e| panic!("{}", e.0));
                let raw = open.documents[0].at_path(&["data", "raw"]).expect("there").clone();
                let crate::yaml::Value::Secret(crate::secret::SecretLeaf::Text(raw)) = raw.value else {
                    panic!("it is sealed")
                };
                assert_eq!(raw.expose_secret(), STANDARD.encode(b"\xff\xfe").as_bytes());
            }
        }
    }

    #[test]
    fn keys_are_chosen_by_name_and_an_unknown_one_is_refused() {
        assert_eq!(live_edits(&secret(), &["text".into()]).map(|edits| edits.len()), Ok(1));
        let refused = live_edits(&secret(), &["other".into()]).map(|edits| edits.len());
        assert_eq!(refused.expect_err("unknown").next, "it holds empty, raw, text");
        assert!(create_live(&secret(), &[], "nowhere.yaml", &rules(), 0).is_err());
    }
}
