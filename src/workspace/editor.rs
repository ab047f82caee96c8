//! The editor for secrets: which program it is, and what keeps it from writing anything elsewhere.

use std::path::{Path, PathBuf};

/// Editors that are taken where none is set, as sops takes them.
const USUAL: [&str; 3] = ["vim", "nano", "vi"];

/// The editor's command in words: `SOPS_EDITOR`, `VISUAL`, `EDITOR`, or the first usual one on `PATH`; empty if there is none.
pub fn secret_editor(variable: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let named = ["SOPS_EDITOR", "VISUAL", "EDITOR"].into_iter().filter_map(variable).map(|text| words(&text));
    let path = variable("PATH").unwrap_or_default();
    let found = |name: &&str| path.split(':').any(|folder| Path::new(folder).join(name).is_file());
    let usual = || USUAL.into_iter().find(found).map(|name| vec![name.to_owned()]);
    named.into_iter().find(|words| !words.is_empty()).or_else(usual).unwrap_or_default()
}

/// Program and arguments for a file: vim and Emacs without swap, backups and history (gopass does the same; secrets.md 8), a
/// program with windows such that it is waited for.
pub fn editor_command(command: &[String], file: &Path) -> Option<(String, Vec<String>)> {
    let (program, given) = command.split_first()?;
    let vim = |history: &str| {
        let options = format!("set noswapfile nobackup nowritebackup noundofile {history}=");
        vec!["-i".to_owned(), "NONE".to_owned(), "-n".to_owned(), "--cmd".to_owned(), options]
    };
    let called = program.rsplit('/').next().unwrap_or_default();
    let real = real_name(program);
    let mut arguments = match (called, real.split(['.', '-']).next().unwrap_or_default()) {
        ("gvim", _) | (_, "gvim") => [vec!["--nofork".to_owned()], vim("viminfo")].concat(),
        ("vim", _) | (_, "vim") => vim("viminfo"),
        ("nvim", _) | (_, "nvim") => vim("shada"),
        ("emacs", _) | (_, "emacs") => {
            let off = "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)";
            vec!["--eval".to_owned(), off.to_owned()]
        }
        ("code" | "codium" | "subl" | "zed", _)
            if given.iter().all(|word| word != "--wait" && word != "-w") =>
        {
            vec!["--wait".to_owned()]
        }
        _ => Vec::new(),
    };
    arguments.extend(given.iter().cloned());
    arguments.push(file.display().to_string());
    Some((program.clone(), arguments))
}

/// What a program is behind the links of its name: `vi` is often vim (`/usr/bin/vim.basic`), which would write down in
/// `~/.viminfo` what was yanked.
fn real_name(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = if program.contains('/') {
        vec![PathBuf::from(program)]
    } else {
        std::env::split_paths(&path).map(|folder| folder.join(program)).collect()
    };
    let real = places.iter().find_map(|place| place.canonicalize().ok());
    let name = real.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default()
}

/// The words of a command as a shell tells them apart: quotes keep blanks, a backslash keeps a letter; nothing is expanded.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (end, Some(begin)) if end == begin => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(letters.next()),
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editor_is_that_of_sops_then_that_of_the_user() {
        let editor = |pairs: &[(&str, &str)]| {
            secret_editor(&|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
                .join("|")
        };
        assert_eq!(editor(&[("EDITOR", "c"), ("VISUAL", "b"), ("SOPS_EDITOR", "a")]), "a");
        assert_eq!(editor(&[("EDITOR", "c"), ("VISUAL", "b"), ("SOPS_EDITOR", " ")]), "b");
        assert_eq!(editor(&[("EDITOR", "'my editor' --x=\"a b\" c\\ d ''")]), "my editor|--x=a b|c d|");
        assert_eq!(editor(&[("PATH", "/nowhere")]), "");
    }

    #[test]
    fn an_editor_is_known_behind_another_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for (called, real, wanted) in [
            ("vi", "vim.basic", "-i NONE"),
            ("editor", "nvim", "shada="),
            ("e", "emacs-gtk", "--eval"),
            ("vi", "busybox", "/dev/shm/x"),
        ] {
            let (called, real) = (folder.path().join(called), folder.path().join(real));
            std::fs::write(&real, "").expect("written");
            let _ = std::fs::remove_file(&called);
            std::os::unix::fs::symlink(&real, &called).expect("linked");
            let command = [called.display().to_string()];
            let (_, arguments) = editor_command(&command, Path::new("/dev/shm/x")).expect("a command");
            assert!(arguments.join(" ").contains(wanted), "{real:?}: {arguments:?}");
            assert_eq!(arguments.len() == 1, wanted == "/dev/shm/x", "{arguments:?}");
        }
    }

    #[test]
    fn editors_that_are_known_keep_nothing_elsewhere() {
        let command = |text: &str| {
            editor_command(&words(text), Path::new("/dev/shm/x/a.yaml"))
                .map(|(p, a)| format!("{p} {}", a.join(" ")))
        };
        let vim = command("/usr/bin/vim -p").expect("a command");
        assert!(
            vim.starts_with("/usr/bin/vim -i NONE -n --cmd set noswapfile")
                && vim.ends_with(" -p /dev/shm/x/a.yaml")
        );
        assert_eq!(command("code").as_deref(), Some("code --wait /dev/shm/x/a.yaml"));
        assert_eq!(command("code -w").as_deref(), Some("code -w /dev/shm/x/a.yaml"));
        assert_eq!(command("ed -s").as_deref(), Some("ed -s /dev/shm/x/a.yaml"));
        assert_eq!(command(""), None);
    }
}
