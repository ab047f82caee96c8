//! Line by line: where two versions of a file differ, and where three cannot be joined.

use super::GitError;
use std::ops::Range;

/// A place where two versions differ; lines counted from 0, either side may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) old: Range<u32>,
    pub(super) new: Range<u32>,
}

/// The hunks between two versions, in order.
pub(super) fn hunks(old: &[u8], new: &[u8]) -> Result<Vec<Hunk>, GitError> {
    let failed = GitError::store("cannot compare files");
    let mut options = git2::DiffOptions::new();
    options.context_lines(0).interhunk_lines(0).force_text(true).indent_heuristic(true);
    let patch = git2::Patch::from_buffers(old, None, new, None, Some(&mut options)).map_err(&failed)?;
    (0..patch.num_hunks())
        .map(|index| {
            let (hunk, _) = patch.hunk(index).map_err(&failed)?;
            Ok(Hunk {
                old: range(hunk.old_start(), hunk.old_lines()),
                new: range(hunk.new_start(), hunk.new_lines()),
            })
        })
        .collect()
}

/// Diffs count from 1, and an empty side names the line before it.
fn range(start: u32, lines: u32) -> Range<u32> {
    let begin = if lines == 0 { start } else { start.saturating_sub(1) };
    begin..begin + lines
}

/// Joins two changes of the same base.
pub(super) enum Joined {
    /// Both fit.
    Clean(Vec<u8>),
    /// They collide in these lines of `ours`.
    Collide(Vec<Range<u32>>),
    /// Not text.
    Binary,
}

pub(super) fn join(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Joined, GitError> {
    if [base, ours, theirs].iter().any(|side| is_binary(side)) {
        return Ok(Joined::Binary);
    }
    // First, since it starts libgit2, which git2's `merge_file` forgets to do.
    let (own, other) = (hunks(base, ours)?, hunks(base, theirs)?);
    let input = |content| {
        let mut input = git2::MergeFileInput::new();
        input.content(content);
        input
    };
    let merged = git2::merge_file(&input(base), &input(ours), &input(theirs), None)
        .map_err(GitError::store("cannot join files"))?;
    if merged.is_automergeable() {
        return Ok(Joined::Clean(merged.content().to_vec()));
    }
    Ok(Joined::Collide(collisions(&own, &other)))
}

/// Two changes of the same base in one text, with conflict markers where they collide; true if they do not. What is not
/// text stays ours.
pub(super) fn merged(
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
    marker_size: u16,
) -> Result<(Vec<u8>, bool), git2::Error> {
    if [base, ours, theirs].iter().any(|side| is_binary(side)) {
        return Ok((ours.to_vec(), false));
    }
    // libgit2 is started by whatever comes first, and `merge_file` forgets to.
    git2::Patch::from_buffers(base, None, ours, None, None)?;
    let input = |content| {
        let mut input = git2::MergeFileInput::new();
        input.content(content);
        input
    };
    let mut options = git2::MergeFileOptions::new();
    options.marker_size(marker_size).our_label("ours").their_label("theirs");
    let merged = git2::merge_file(&input(base), &input(ours), &input(theirs), Some(&mut options))?;
    Ok((merged.content().to_vec(), merged.is_automergeable()))
}

/// git's own rule: a zero byte among the first 8,000.
fn is_binary(content: &[u8]) -> bool {
    content.iter().take(8000).any(|byte| *byte == 0)
}

fn collisions(ours: &[Hunk], theirs: &[Hunk]) -> Vec<Range<u32>> {
    // Hunks that touch collide too, as in git.
    let touch = |a: &Hunk, b: &Hunk| a.old.start <= b.old.end && b.old.start <= a.old.end;
    ours.iter()
        .filter(|own| theirs.iter().any(|other| touch(own, other)))
        .map(|own| own.new.clone())
        .collect()
}

/// For each line of `new`, the line of `old` that it is, if it was not touched.
pub(super) fn origins(hunks: &[Hunk], new_lines: u32) -> Vec<Option<u32>> {
    let mut origins = Vec::with_capacity(new_lines as usize);
    let mut old = 0;
    let mut hunks = hunks.iter().peekable();
    let mut line = 0;
    while line < new_lines {
        if let Some(hunk) = hunks.next_if(|hunk| hunk.new.start <= line) {
            origins.extend(hunk.new.clone().map(|_| None));
            line = hunk.new.end;
            old = hunk.old.end;
        } else {
            origins.push(Some(old));
            old += 1;
            line += 1;
        }
    }
    origins
}

/// The number of lines, with or without a last line break.
pub(super) fn count(content: &[u8]) -> u32 {
    let lines = content.split_inclusive(|byte| *byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &[&str]) -> Vec<u8> {
        lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
    }

    #[test]
    fn hunks_count_from_zero_and_empty_sides_stand_between_lines() {
        let old = text(&["a", "b", "c"]);
        let removed = hunks(&old, &text(&["a", "c"])).unwrap();
        assert_eq!(removed, [Hunk { old: 1..2, new: 1..1 }]);
        let added = hunks(&old, &text(&["a", "x", "b", "c"])).unwrap();
        assert_eq!(added, [Hunk { old: 1..1, new: 1..2 }]);
    }

    #[test]
    fn each_untouched_line_knows_where_it_came_from() {
        let (old, new) = (text(&["a", "b", "c", "d"]), text(&["x", "a", "c", "D"]));
        let found = origins(&hunks(&old, &new).unwrap(), 4);
        assert_eq!(found, [None, Some(0), Some(2), None]);
    }

    #[test]
    fn far_changes_join_and_near_ones_collide_with_their_lines() {
        let base = text(&["a", "b", "c", "d", "e"]);
        let theirs = text(&["A", "b", "c", "d", "e"]);
        match join(&base, &text(&["a", "b", "c", "d", "E"]), &theirs).unwrap() {
            Joined::Clean(both) => assert_eq!(both, text(&["A", "b", "c", "d", "E"])),
            _ => panic!("they do not touch"),
        }
        match join(&base, &text(&["0", "x", "b", "c", "d", "e"]), &theirs).unwrap() {
            Joined::Collide(lines) => assert_eq!(format!("{lines:?}"), "[0..2]"),
            _ => panic!("both changed line one"),
        }
        assert!(matches!(join(b"a\0", b"b\0", b"c\0").unwrap(), Joined::Binary));
    }

    proptest::proptest! {
        #[test]
        fn untouched_lines_are_equal(old in "[ab\n]{0,30}", new in "[ab\n]{0,30}") {
            let lines = |text: &str| -> Vec<String> { text.split_inclusive('\n').map(str::to_owned).collect() };
            let (a, b) = (lines(&old), lines(&new));
            let found = origins(&hunks(old.as_bytes(), new.as_bytes()).unwrap(), count(new.as_bytes()));
            proptest::prop_assert_eq!(found.len(), b.len());
            for (line, origin) in found.iter().enumerate() {
                if let Some(origin) = origin {
                    proptest::prop_assert_eq!(&a[*origin as usize], &b[line]);
                }
            }
        }
    }
}
