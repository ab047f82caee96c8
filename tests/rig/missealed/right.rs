//! Files that are as they should be: nothing is told of them.

use super::Sops;
use super::in_the_clear::VALUE;

const KUBERNETES: &str = "    encrypted_regex: ^(data|stringData)$\n";

pub fn files(sops: &Sops) -> Vec<(String, String)> {
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  password: {VALUE}\n  empty: \"\"\n"
    );
    let mut all: Vec<(&str, String)> = vec![
        ("db.sops.yaml", sops.seal("db.sops.yaml", KUBERNETES, &secret)),
        (
            "db.sops.json",
            sops.seal("db.sops.json", "", &format!("{{\"a\": \"{VALUE}\", \"n\": null, \"e\": \"\"}}")),
        ),
        ("app.env", sops.seal("app.env", "", &format!("A={VALUE}\nB=\n"))),
        ("app.ini", sops.seal("app.ini", "", &format!("[a]\nb = {VALUE}\n"))),
        ("token.txt", sops.seal("token.txt", "", VALUE)),
        (
            "v.sops.yaml",
            sops.seal(
                "v.sops.yaml",
                "    encrypted_regex: ^password$\n",
                &format!("host: db\npassword: {VALUE}\n"),
            ),
        ),
        ("u.sops.yaml", sops.seal("u.sops.yaml", "", &format!("host_unencrypted: db\npassword: {VALUE}\n"))),
        (
            "m.sops.yaml",
            sops.seal("m.sops.yaml", "    mac_only_encrypted: true\n", &format!("password: {VALUE}\n")),
        ),
    ];
    let plain = [
        (
            "es.yaml",
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: a}\nspec:\n  data:\n    - secretKey: password\n      remoteRef: {key: cart/db}\n",
        ),
        (
            "ss.yaml",
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\nspec:\n  encryptedData:\n    password: @\n",
        ),
        (
            "ref.yaml",
            "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef: {name: db, key: password}\n",
        ),
        (
            "tmpl.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: ${PASSWORD}\n",
        ),
        (
            "values.yaml",
            "existingSecret: cart-db\npasswordKey: password\nadminPassword: \"\"\nimagePullSecret: regcred-2024\n",
        ),
        (
            "pub.yaml",
            "key: age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\nssh: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtoZXJlIGlzIG5vIGtleQ ana\n",
        ),
        (
            "image.yaml",
            "image: ghcr.io/a/b:1.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\nuid: 123e4567-e89b-12d3-a456-426614174000\n",
        ),
        ("crd.yaml", "properties:\n  password:\n    type: string\n    description: The password of it.\n"),
        (
            "README.md",
            "Put the password into `stringData`: `password: hunter2`. Never commit AGE-SECRET-KEY-1.\n",
        ),
        (
            "sa.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  annotations: {kubernetes.io/service-account.name: a}\ntype: kubernetes.io/service-account-token\n",
        ),
    ];
    all.extend(plain.map(|(path, text)| (path, text.to_owned())));
    all.into_iter()
        .map(|(path, text)| {
            (path.to_owned(), text.replace('@', &"AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq7m8".repeat(24)))
        })
        .collect()
}
