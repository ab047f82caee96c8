//! Which entries name something outside of the repository, told by their spelling alone (render.md 2.16).

/// True if kustomize would fetch this entry as a file over HTTP.
pub fn is_url(entry: &str) -> bool {
    let lower = entry.get(..8).unwrap_or(entry).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https:/") || lower.starts_with("http:")
}

/// True if kustomize would clone this entry with git, when it is not a file.
///
/// Follows the order of upstream's `NewRepoSpecFromURL`: forced prefix, scheme, user, host, repository.
pub fn is_repository(entry: &str) -> bool {
    if entry.starts_with('/') {
        return false;
    }
    let spec = entry.split_once('?').map_or(entry, |(before, _)| before);
    let spec = strip_prefix(spec, "git::").unwrap_or(spec);
    let (scheme, rest) = ["ssh://", "https://", "http://", "file://"]
        .into_iter()
        .find_map(|scheme| Some((scheme, strip_prefix(spec, scheme)?)))
        .unwrap_or(("", spec));
    if scheme == "file://" {
        return !rest.is_empty() && !leaves_repository(rest, usize::MAX);
    }
    let (user, rest) = split_user(rest);
    let lower = rest.to_ascii_lowercase();
    let github = lower.starts_with("github.com/") || lower.starts_with("github.com:");
    let scp = scheme.is_empty() && (user || github);
    if scheme.is_empty() && !scp {
        return false;
    }
    let slash = rest.find('/');
    let separator = match (slash, rest.find(':')) {
        (None, colon) if scp => colon,
        (Some(s), Some(c)) if scp && c > 0 && c < s => Some(c),
        _ => slash,
    };
    separator.is_some_and(|at| at > 0 && !leaves_repository(&rest[at + 1..], 2))
}

/// True if there is no repository path, or the folder inside it climbs out.
fn leaves_repository(path: &str, default_segments: usize) -> bool {
    let (repository, inner) = split_repository(path, default_segments);
    repository.is_none_or(str::is_empty) || climbs_out(inner)
}

fn split_repository(path: &str, default_segments: usize) -> (Option<&str>, &str) {
    if let Some(at) = path.find("_git/") {
        let after = at + 5;
        let end = path[after..].find('/').map_or(path.len(), |slash| after + slash);
        return (Some(&path[..end]), &path[end..]);
    }
    if let Some(at) = path.find("//") {
        return (Some(&path[..at]), &path[at + 2..]);
    }
    if let Some(at) = path.find(".git") {
        return (Some(&path[..at + 4]), &path[at + 4..]);
    }
    if default_segments == usize::MAX {
        return (Some(path), "");
    }
    match path.match_indices('/').nth(default_segments - 1) {
        Some((at, _)) => (Some(&path[..at]), &path[at..]),
        None if path.matches('/').count() + 1 >= default_segments => (Some(path), ""),
        None => (None, ""),
    }
}

fn climbs_out(inner: &str) -> bool {
    let mut depth = 0_i32;
    for part in inner.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

fn split_user(rest: &str) -> (bool, &str) {
    let Some((user, after)) = rest.split_once('@') else { return (false, rest) };
    let name = user.starts_with(|c: char| c.is_ascii_alphabetic())
        && user.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if name { (true, after) } else { (false, rest) }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_from_folders() {
        for remote in [
            "https://github.com/org/repo//base?ref=v1",
            "https://github.com/org/repo/base",
            "github.com/org/repo",
            "git@github.com:org/repo.git",
            "git::https://gitlab.com/org/repo.git//x",
            "ssh://git@host.xz:2222/org/repo",
            "https://dev.azure.com/org/project/_git/repo/path",
            "file:///srv/repo",
            "GIT@github.com:org/repo",
        ] {
            assert!(is_repository(remote), "{remote}");
        }
        for local in
            ["base", "../base", "github.company.com/org/repo", "a/b/c.yaml", "/abs", "https://github.com/org"]
        {
            assert!(!is_repository(local), "{local}");
        }
    }
}
