//! Private keys, tokens of known services, URLs with passwords: told by their own shape, in any text, also in base64.

use super::exposure::{Exposure, Kind};
use super::plain::{is_filled_in, is_varied};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::{Regex, RegexSet};
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// Services and the shapes of their tokens, as each service documents them.
const SERVICES: [(&str, &str); 36] = [
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    ("a GitHub token", r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    ("a GitLab token", r"\bgl(?:pat|dt|rt|ft|soat|agent)-[A-Za-z0-9_-]{20,}"),
    ("a GitLab trigger token", r"\bglptt-[0-9a-f]{40}\b"),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a Slack token", r"\bxox[abeprs]-[0-9A-Za-z-]{20,}"),
    ("a Slack app token", r"\bxapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[0-9a-f]{32,}\b"),
    ("a Slack webhook", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_]{40,}"),
    (
        "a Discord webhook",
        r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,72}",
    ),
    ("a Stripe key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{20,}\b"),
    ("a Stripe webhook secret", r"\bwhsec_[A-Za-z0-9+/]{32,}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a Google OAuth secret", r"\bGOCSPX-[A-Za-z0-9_-]{28}\b"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    ("a Twilio key", r"\bSK[0-9a-f]{32}\b"),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    ("a Vault token", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    ("a Telegram bot token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    ("an OpenAI key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}"),
    ("an Anthropic key", r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{80,}"),
    ("a Tailscale key", r"\btskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,}-[A-Za-z0-9]{16,}"),
    ("a Grafana token", r"\bglsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}\b"),
    ("a Docker Hub token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}"),
    ("a Linear key", r"\blin_api_[A-Za-z0-9]{40}\b"),
    ("a Shopify token", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b"),
    ("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    ("a Doppler token", r"\bdp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{40,}"),
    ("a Pulumi token", r"\bpul-[a-f0-9]{40}\b"),
    ("a Terraform Cloud token", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    ("a Databricks token", r"\bdapi[0-9a-f]{32}\b"),
    ("a New Relic key", r"\bNRAK-[A-Z0-9]{27}\b"),
    ("an Azure storage key", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("a 1Password service account", r"\bops_eyJ[A-Za-z0-9+/=_-]{200,}"),
    ("a signed token (JWT)", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
];

/// A scheme, a name, a password, a host.
const URL: &str =
    r#"\b[a-z][a-z0-9+.-]{1,20}://([^\s/@:"'<>]{0,64}):([^\s/@"'<>]{3,128})@([A-Za-z0-9.\[\]_-]+)"#;

/// Beginnings of private keys.
const PRIVATE: &str = r"-----BEGIN (?:([A-Z0-9]+) )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[23]: |AGE-SECRET-KEY-(?:PQ-)?1|AGE-PLUGIN-[A-Z0-9]+-1";

/// Base64 long enough to hold one of them.
const ENCODED: &str = r"[A-Za-z0-9+/]{32,}={0,2}";

/// What must stand somewhere in a text that holds any of them; looking for this is all that most texts cost.
const HINT: &str = r"PRIVATE KEY|PuTTY-User|AGE-(?:SECRET|PLUGIN)-|gh[pousr]_|github_pat_|gl(?:pat|dt|rt|ft|soat|agent|ptt)-|A[KS]IA[A-Z2-7]{16}|xox[abeprs]-|xapp-|hooks\.slack\.com/|/api/webhooks/|[sr]k_(?:live|test)_|whsec_|npm_|pypi-Ag|AIza|GOCSPX-|SG\.[A-Za-z0-9_-]{22}\.|SK[0-9a-f]{32}|do[opr]_v1_|hv[sbr]\.|:AA[A-Za-z0-9_-]{33}|T3BlbkFJ|sk-ant-|tskey-|glsa_|dckr_|lin_api_|shp(?:at|ca|pa|ss)_|hf_[A-Za-z]{34}|dp\.(?:pt|st|ct|sa)\.|pul-[a-f0-9]{40}|atlasv1|dapi[0-9a-f]{32}|NRAK-|AccountKey=|ops_eyJ|eyJ[A-Za-z0-9_-]{10,}\.eyJ|://[^\s/@]{0,200}@";

/// Compiled for every file; the others where it matches.
static HINTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?-u){HINT}")).ok());

/// Compiled where a text is long enough to hold anything in base64.
static ENCODINGS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?-u){ENCODED}")).ok());

struct Shapes {
    any: RegexSet,
    services: Vec<(&'static str, Regex)>,
    url: Regex,
    private: Regex,
}

/// Compiled once. The expressions are constants, and a test compiles them all.
static SHAPES: LazyLock<Option<Shapes>> = LazyLock::new(|| {
    let regex = |text: &str| Regex::new(&format!("(?-u){text}")).ok();
    Some(Shapes {
        any: RegexSet::new(SERVICES.iter().map(|(_, shape)| format!("(?-u){shape}"))).ok()?,
        services: SERVICES.iter().map(|(name, shape)| Some((*name, regex(shape)?))).collect::<Option<_>>()?,
        url: regex(URL)?,
        private: regex(PRIVATE)?,
    })
});

/// What was found, with its place in the bytes.
struct Hit {
    at: usize,
    kind: Kind,
    name: String,
    material: Zeroizing<Vec<u8>>,
    /// What whoever uses it may hold.
    values: Vec<Zeroizing<Vec<u8>>>,
}

/// Keys, tokens and passwords in a text, and in what base64 in it decodes to.
pub(super) fn in_text(path: &str, bytes: &[u8]) -> Vec<Exposure> {
    let Some(encodings) = &*ENCODINGS else { return Vec::new() };
    let mut hits = hits(bytes);
    for found in encodings.find_iter(bytes) {
        let inner = decoded(found.as_bytes());
        let Some(inner) = inner.filter(|inner| is_text(inner)) else { continue };
        let inside = hits_within(&inner);
        // One finding for one encoded text, however much is in it.
        hits.extend(inside.into_iter().take(1).map(|mut hit| {
            hit.values.push(Zeroizing::new(found.as_bytes().to_vec()));
            Hit { at: found.start(), name: format!("{} (as base64)", hit.name), ..hit }
        }));
    }
    hits.sort_by_key(|hit| hit.at);
    let mut lines = Lines { bytes, at: 0, line: 1 };
    hits.into_iter().map(|hit| exposure(path, lines.of(hit.at), &hit)).collect()
}

/// The same in decoded text; base64 of base64 is looked into once more.
fn hits_within(inner: &[u8]) -> Vec<Hit> {
    let mut found = hits(inner);
    if found.is_empty()
        && let Some(again) = decoded(inner.trim_ascii()).filter(|again| is_text(again))
    {
        found = hits(&again);
    }
    found
}

fn exposure(path: &str, line: u32, hit: &Hit) -> Exposure {
    let cause = format!("{} stands in the clear", hit.name);
    let next = match hit.kind {
        Kind::PrivateKey => "take it out, make a new key, and stop trusting this one: history still has it",
        Kind::UrlPassword => "seal the URL, and change the password: history still has it",
        _ => "revoke it where it was issued, then take it out or seal it: history still has it",
    };
    let values = hit.values.iter().map(|value| value.as_slice());
    Exposure::new(hit.kind, path, line, cause, &hit.material).next(next).holding(values)
}

fn hits(bytes: &[u8]) -> Vec<Hit> {
    let mut found = Vec::new();
    if !HINTED.as_ref().is_some_and(|hint| hint.is_match(bytes)) {
        return found;
    }
    let Some(shapes) = &*SHAPES else { return found };
    for captures in shapes.private.captures_iter(bytes) {
        let Some(mark) = captures.get(0) else { continue };
        let behind = &bytes[mark.end()..];
        if let Some(material) = key_material(mark.as_bytes(), behind) {
            let name = key_name(mark.as_bytes(), captures.get(1).map(|m| m.as_bytes()));
            let values = whole_key(&bytes[mark.start()..]);
            found.push(Hit { at: mark.start(), kind: Kind::PrivateKey, name, material, values });
        }
    }
    for index in shapes.any.matches(bytes) {
        let Some((name, shape)) = shapes.services.get(index) else { continue };
        for token in shape.find_iter(bytes) {
            if std::str::from_utf8(token.as_bytes()).is_ok_and(is_varied) {
                let material = Zeroizing::new(token.as_bytes().to_vec());
                let (at, name, values) = (token.start(), (*name).to_owned(), vec![material.clone()]);
                found.push(Hit { at, kind: Kind::Token, name, material, values });
            }
        }
    }
    for captures in shapes.url.captures_iter(bytes) {
        let part =
            |n: usize| captures.get(n).and_then(|m| std::str::from_utf8(m.as_bytes()).ok()).unwrap_or("");
        let at = captures.get(0).map_or(0, |m| m.start());
        if is_url_password(part(1), part(2), part(3)) {
            let material = Zeroizing::new(part(2).as_bytes().to_vec());
            let whole = bytes[at..].split(|b| b.is_ascii_whitespace() || b"\"'`".contains(b)).next();
            let values = vec![material.clone(), Zeroizing::new(whole.unwrap_or_default().to_vec())];
            let name = "a URL with a password".to_owned();
            found.push(Hit { at, kind: Kind::UrlPassword, name, material, values });
        }
    }
    found
}

/// Samples say `user:pass@host`, and their hosts are nobody's.
fn is_url_password(user: &str, password: &str, host: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    let samples = [
        "pass", "passwd", "password", "pwd", "secret", "pw", "xxx", "token", "changeme", "user", "foo",
        "bar", "...", "***",
    ];
    let is_sample =
        samples.contains(&&*lower) || lower == user.to_ascii_lowercase() || lower.starts_with("your");
    let is_nobodys = host.contains("example") || matches!(host, "host" | "hostname" | "server" | "HOST");
    let is_symbol = password.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    // `http://a:8080,b:8080@…`, `git:org/repo@ref`, `image:tag@sha256`: no password stands there.
    let is_port = password.bytes().all(|b| b.is_ascii_digit() || b == b',');
    !(is_sample
        || is_nobodys
        || is_symbol
        || is_port
        || is_filled_in(password)
        || is_filled_in(user)
        || host == "sha256")
        && !password.contains(['*', '\\', '%', '(', '[', '$', '{'])
}

/// What follows the mark of a key; nothing if it is prose that only names the mark.
fn key_material(mark: &[u8], behind: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let is_one_line = mark.starts_with(b"AGE-");
    let mut rest = behind;
    if !is_one_line && !mark.starts_with(b"PuTTY") {
        rest = behind.trim_ascii_start();
        // In JSON and in quotes a line break is a letter of its own.
        for escape in [&b"\\r"[..], b"\\n", b"\\\\n"] {
            rest = rest.strip_prefix(escape).unwrap_or(rest);
        }
        rest = rest.trim_ascii_start();
        if rest.starts_with(b"Proc-Type:") || rest.starts_with(b"Version:") || rest.starts_with(b"Comment:") {
            return Some(Zeroizing::new(rest[..rest.len().min(256)].to_vec()));
        }
    } else if mark.starts_with(b"PuTTY") {
        return Some(Zeroizing::new(rest[..rest.len().min(256)].to_vec()));
    }
    let letters =
        rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')).count();
    let long = if is_one_line { letters >= 20 } else { letters >= 16 };
    let text = &rest[..letters];
    let is_sample = text.windows(12).any(|w| w.iter().all(|b| *b == w[0] && matches!(b, b'x' | b'X' | b'.')));
    (long && !is_sample).then(|| Zeroizing::new(text.to_vec()))
}

/// A whole key as a file of its own has it, from its mark on: with and without the line break at its end. Lines of a block
/// are indented where it stands in YAML.
fn whole_key(text: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    const LONGEST: usize = 64 << 10;
    let text = &text[..text.len().min(LONGEST)];
    let mut whole = Zeroizing::new(Vec::new());
    for line in text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii) {
        whole.extend_from_slice(line);
        if line.windows(8).any(|word| word == b"-----END") || line.starts_with(b"AGE-") {
            let broken = Zeroizing::new([&whole[..], b"\n"].concat());
            return vec![whole, broken];
        }
        whole.push(b'\n');
    }
    Vec::new()
}

fn key_name(mark: &[u8], kind: Option<&[u8]>) -> String {
    if mark.starts_with(b"AGE-SECRET-KEY-PQ-") {
        return "a post-quantum age identity".to_owned();
    }
    if mark.starts_with(b"AGE-SECRET-KEY-") {
        return "an age identity".to_owned();
    }
    if mark.starts_with(b"AGE-PLUGIN-") {
        return "an age plug-in identity".to_owned();
    }
    match kind {
        Some(b"OPENSSH") => "an SSH private key".to_owned(),
        Some(b"PGP") => "a PGP private key".to_owned(),
        Some(kind @ (b"RSA" | b"EC")) => format!("an {} private key", String::from_utf8_lossy(kind)),
        Some(b"DSA") => "a DSA private key".to_owned(),
        _ => "a private key".to_owned(),
    }
}

fn decoded(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // A run may be a little longer than its base64: what does not fill a group of four is no part of it.
    let end = text.len() - text.len() % 4;
    STANDARD.decode(&text[..end]).ok().map(Zeroizing::new)
}

fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(64)];
    head.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e))
}

/// Line numbers of rising places.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 1 }
    }

    pub(super) fn of(&mut self, at: usize) -> u32 {
        let between = self.bytes.get(self.at..at).unwrap_or_default();
        let breaks = between.split(|b| *b == b'\n').count() - 1;
        self.line += u32::try_from(breaks).unwrap_or(0);
        self.at = at.max(self.at);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(u32, String)> {
        let found = in_text("a", text.as_bytes());
        found
            .iter()
            .map(|e| (e.problem.place.as_ref().map_or(0, |p| p.line), e.problem.cause.clone()))
            .collect()
    }

    #[test]
    fn every_shape_compiles_and_the_hint_holds_each() {
        assert!(SHAPES.is_some() && ENCODINGS.is_some(), "all compile");
        let hint = HINTED.as_ref().expect("it compiles");
        // Split, so that no scanner takes this file for a leak.
        let samples = [
            ["gh", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].concat(),
            ["gl", "pat-a1B2c3D4e5F6g7H8i9J0"].concat(),
            ["AKI", "AQ3EGRTXY7ZB5WMVN"].concat(),
            ["xox", "b-2913847561-8374651029-aB3dE5fG7hI9"].concat(),
            ["sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"].concat(),
            ["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"].concat(),
            "postgres://cart:Tr0ub4dor@db.shop.svc/cart".to_owned(),
        ];
        for sample in samples {
            assert!(hint.is_match(sample.as_bytes()), "{sample}");
            assert_eq!(of(&format!("a: b\nc: {sample}\n")).len(), 1, "{sample}");
            let encoded = STANDARD.encode(format!("{{\"config\": \"{sample}\"}}"));
            assert_eq!(of(&format!("a: b\nc: {encoded}\n")).len(), 1, "{sample} in base64");
        }
    }

    #[test]
    fn prose_and_samples_are_no_keys() {
        for text in [
            "Never commit a file with AGE-SECRET-KEY-1 in it.\n",
            "look for -----BEGIN RSA PRIVATE KEY----- in it\n",
            "-----BEGIN PRIVATE KEY-----\nxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
            "url: postgres://user:password@host/db\n",
            "url: postgres://${USER}:${PASSWORD}@db/x\n",
            "image: registry:5000/a/b:1.2@sha256:0123\n",
            "token: ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
    }

    #[test]
    fn a_key_is_found_however_it_is_written() {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        let begin = ["-----BEGIN PRIVATE", " KEY-----"].concat();
        for text in [
            format!("{begin}\n{body}\n"),
            format!("key: |\n  {begin}\n  {body}\n"),
            format!("{{\"key\": \"{begin}\\n{body}\\n\"}}"),
            format!("data:\n  key: {}\n", STANDARD.encode(format!("{begin}\n{body}\n"))),
            format!("data:\n  key: {}\n", STANDARD.encode(STANDARD.encode(format!("{begin}\n{body}\n")))),
        ] {
            assert_eq!(of(&text).len(), 1, "{text}");
        }
    }
}
