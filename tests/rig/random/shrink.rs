//! The smallest tree that still differs: files, then lines, are taken away as long as the difference stays.

use super::Tree;

/// Takes away what can be taken away. `differs` is asked for each try.
pub fn smallest(mut tree: Tree, mut differs: impl FnMut(&Tree) -> bool) -> Tree {
    loop {
        let before = size(&tree);
        for path in tree.keys().cloned().collect::<Vec<_>>() {
            let mut fewer = tree.clone();
            fewer.remove(&path);
            if differs(&fewer) {
                tree = fewer;
                continue;
            }
            let mut chunk = tree[&path].lines().count().max(1);
            while chunk > 0 {
                without(&mut tree, &path, chunk, &mut differs);
                chunk /= 2;
            }
        }
        if size(&tree) == before {
            return tree;
        }
    }
}

/// Takes away runs of `chunk` lines of a file.
fn without(tree: &mut Tree, path: &str, chunk: usize, differs: &mut impl FnMut(&Tree) -> bool) {
    let mut at = 0;
    loop {
        let lines: Vec<&str> = tree[path].lines().collect();
        if at >= lines.len() {
            return;
        }
        let kept = lines.iter().take(at).chain(lines.iter().skip(at + chunk));
        let text = kept.fold(String::new(), |all, line| all + line + "\n");
        let mut fewer = tree.clone();
        fewer.insert(path.to_owned(), text);
        if differs(&fewer) {
            *tree = fewer;
        } else {
            at += chunk;
        }
    }
}

fn size(tree: &Tree) -> usize {
    tree.values().map(String::len).sum()
}

#[test]
fn the_line_that_matters_is_left() {
    let tree = Tree::from([("a".into(), "1\n2\nbad\n3\n".into()), ("b".into(), "x\n".into())]);
    let small = smallest(tree, |tree| tree.values().any(|text| text.contains("bad")));
    assert_eq!(small, Tree::from([("a".to_owned(), "bad\n".to_owned())]));
}
