//! Bad input: files that are broken, hostile or not there. Each is told with its line, and the others render.

use super::{said, told};
use crate::pty::Pty;
use crate::sandbox::Sandbox;
use std::path::{Path, PathBuf};

/// A repository with one good app and the apps that are given: folder, the kustomization's entry, file, content.
fn repository(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.folder().join("fleet");
    std::fs::create_dir(&folder).expect("made");
    sandbox.git(&folder, &["init", "-q", "-b", "main"]);
    for (name, value) in [("user.name", "Mal\u{1b}[31mlory"), ("user.email", "m@example.org")] {
        sandbox.git(&folder, &["config", name, value]);
    }
    app(&folder, "good", "a.yaml", config_map("good").as_bytes());
    folder
}

fn app(folder: &Path, name: &str, entry: &str, content: &[u8]) {
    let place = folder.join("apps").join(name);
    std::fs::create_dir_all(&place).expect("made");
    std::fs::write(place.join("kustomization.yaml"), format!("resources: [\"{entry}\"]\n")).expect("written");
    if entry == "a.yaml" && !content.is_empty() {
        std::fs::write(place.join(entry), content).expect("written");
    }
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn save(sandbox: &Sandbox, folder: &Path) {
    sandbox.git(folder, &["add", "-A"]);
    sandbox.git(folder, &["commit", "-q", "-m", "bad \u{1b}]0;owned\u{7} subject"]);
}

#[test]
fn a_repository_of_everything_that_is_wrong_is_told_line_by_line_and_the_rest_renders() {
    let sandbox = Sandbox::new();
    let folder = repository(&sandbox);
    let base = config_map("x");
    let with = |more: &[u8]| [base.as_bytes(), more].concat();
    let anchors: Vec<String> = (1..10_000).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    let deep = anchors.concat();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1\n";
    for (name, content) in [
        ("tabs", with(b"data:\n\ta: b\n")),
        ("twice", with(b"metadata: {name: y}\n")),
        ("broken", b"a: [\n".to_vec()),
        ("anchors", with(format!("a0: &a0 x\n{deep}").as_bytes())),
        ("utf8", with(b"data: {a: \"\xff\xfe\"}\n")),
        ("nul", with(b"data: {a: \"\0\"}\n")),
        ("lfs", pointer.as_bytes().to_vec()),
        ("large", with(b"data:\n  a: x\n")),
        ("escapes", config_map("\"esc\\e]0;owned\\a\\e[31m\"").into_bytes()),
        ("missing", vec![]),
        ("loop", vec![]),
        ("out", vec![]),
    ] {
        app(&folder, name, "a.yaml", &content);
    }
    app(&folder, "remote", "https://git.example.org/org/repo//base?ref=v1", b"");
    app(&folder, "circle-a", "../circle-b", b"");
    app(&folder, "circle-b", "../circle-a", b"");
    let large = std::fs::OpenOptions::new().append(true).open(folder.join("apps/large/a.yaml"));
    large.and_then(|file| file.set_len(50 << 20)).expect("grown");
    for (target, name) in
        [("b.yaml", "loop/a.yaml"), ("a.yaml", "loop/b.yaml"), ("/etc/passwd", "out/a.yaml")]
    {
        std::os::unix::fs::symlink(target, folder.join("apps").join(name)).expect("linked");
    }
    std::fs::write(folder.join("apps/good/esc\u{1b}[31m\nb.yaml"), "x: 1\n").expect("written");
    save(&sandbox, &folder);

    let (rendered, code) = said(&sandbox, &folder, &["render", "--no-cluster"]);
    assert_eq!(code, 3, "{rendered}");
    for (place, cause, next) in [
        ("apps/tabs/a.yaml:6", "malformed YAML", "correct the YAML at this line"),
        ("apps/twice/a.yaml:5", "mapping key \"metadata\" already defined at line 3", "correct the YAML"),
        ("apps/broken/a.yaml:2", "malformed YAML", "correct the YAML"),
        ("apps/anchors/a.yaml:", "nested deeper than 128 levels", "correct the YAML"),
        ("apps/utf8/a.yaml:5", "invalid UTF-8", "correct the YAML"),
        ("apps/nul/a.yaml:5", "control characters are not allowed", "correct the YAML"),
        ("apps/lfs/a.yaml:1", "a pointer of git-lfs stands here", "`git lfs pull`"),
        (
            "apps/large/kustomization.yaml:1",
            "apps/large/a.yaml has 52428800 bytes; at most 20971520 are read",
            "split the file",
        ),
        ("apps/missing/kustomization.yaml:1", "apps/missing/a.yaml does not exist", "add it, or remove"),
        (
            "apps/loop/kustomization.yaml:1",
            "the link apps/loop/a.yaml leads in a circle",
            "put a file in place",
        ),
        (
            "apps/out/kustomization.yaml:1",
            "the link apps/out/a.yaml leaves the repository",
            "put a file in place",
        ),
        ("apps/remote/kustomization.yaml:1", "would have to be fetched", "vendor it into the repository"),
        ("apps/circle-", "cycle:", "remove the entry that closes the circle"),
    ] {
        let told = rendered.lines().any(|l| l.contains(place) && l.contains(cause) && l.contains(next));
        assert!(told, "{place}: {cause} ({next})\n{rendered}");
    }
    assert!(!rendered.contains("root:"), "nothing outside of the repository is read\n{rendered}");
    assert!(
        rendered.contains("name: good\n") && rendered.contains(r#"name: "esc\e]0;owned\a\e[31m""#),
        "{rendered}"
    );
    let (status, code) = said(&sandbox, &folder, &["status", "--no-cluster"]);
    assert_eq!(code, 3, "{status}");
    assert!(status.contains("2 of 15 rendered; 1 needs the network"), "{status}");
    told(&status, &["unknown", "apps/good"]);
    told(
        &status,
        &[
            "not rendered apps/tabs",
            "apps/tabs/a.yaml:6: malformed YAML",
            "next: correct the YAML at this line",
        ],
    );
    let odd = "apps/good/esc␛[31m␊b.yaml: the name";
    let out = "apps/out/a.yaml: the link leads out of the repository, to /etc/passwd";
    for words in [&["status", "--no-cluster"][..], &["doctor"]] {
        let (text, _) = said(&sandbox, &folder, words);
        told(&text, &[odd, "is not plain text, so it is left out", "rename it with git mv"]);
        told(&text, &[out, "put the file into the repository"]);
    }
    nothing_steers_the_screen(&sandbox, &folder);
}

/// Names, subjects and authors with escapes are shown as signs, wherever the screen shows them.
fn nothing_steers_the_screen(sandbox: &Sandbox, folder: &Path) {
    let arguments = ["--no-cluster".as_ref(), folder.as_os_str()];
    let mut screen = Pty::sealane(sandbox, &arguments);
    screen.shows("2 of 15");
    screen.press(":");
    screen.type_text("commits");
    screen.press("\r");
    screen
        .until("subject and author", |s| s.contains("bad ␛]0;owned␇ subject") && s.contains("Mal␛[31mlory"));
    screen.press("\x1b");
    screen.shows("2 of 15");
    screen.press("/");
    screen.type_text("escapes");
    screen.press("\r");
    screen.until("its row alone", |s| s.lines().any(|l| l.starts_with('▸') && l.contains("escapes")));
    screen.press("\r");
    screen.until("the object", |s| s.contains("ConfigMap esc]0;owned[31m"));
    screen.press("\x03");
    assert!(screen.ends().success());
    let raw = String::from_utf8_lossy(&screen.everything().0).into_owned();
    for steering in ["\u{1b}]0;owned", "\u{1b}[31mlory", "\u{7}"] {
        assert!(!raw.contains(steering), "{steering:?}");
    }
    screen.given_back();
}
