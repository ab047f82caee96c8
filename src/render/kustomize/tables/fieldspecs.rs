//! Kustomize's default field specs, read from the table beside this file: where each transformer looks.

/// The table; its head says how a row is read.
const TABLE: &str = include_str!("fieldspecs.txt");

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Group, version and kind of the objects; empty parts match all.
    pub gvk: [&'static str; 3],
    /// The field, parts joined by `/`.
    pub path: &'static str,
    /// True if the field is made when it is not there.
    pub create: bool,
}

/// The rows of a list that `configurations` files call so.
pub fn list(name: &str) -> Vec<Row> {
    sections()
        .filter(|(heading, _)| *heading == name)
        .flat_map(|(_, rows)| rows.lines())
        .filter_map(row)
        .collect()
}

/// Group, version and kind of objects that are referred to by name, with the fields that refer to them.
pub fn references() -> Vec<([&'static str; 3], Vec<Row>)> {
    let target = |heading: &'static str| Some(gvk(&mut heading.strip_prefix("nameReference ")?.split(' ')));
    sections()
        .filter_map(|(heading, rows)| Some((target(heading)??, rows.lines().filter_map(row).collect())))
        .collect()
}

/// Headings with what stands below them.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.split("\n[").skip(1).filter_map(|section| section.split_once("]\n"))
}

fn row(line: &'static str) -> Option<Row> {
    let mut words = line.split(' ');
    Some(Row { gvk: gvk(&mut words)?, path: words.next()?, create: words.next() == Some("create") })
}

fn gvk(words: &mut std::str::Split<'static, char>) -> Option<[&'static str; 3]> {
    let mut part = || words.next().map(|word| if word == "-" { "" } else { word });
    Some([part()?, part()?, part()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = TABLE.lines().filter(|l| !l.is_empty() && !l.starts_with(['#', '[']));
        let written: usize = lines.inspect(|line| assert!(row(line).is_some(), "{line}")).count();
        let lists = ["namePrefix", "nameSuffix", "namespace", "commonLabels", "templateLabels"];
        let more = ["commonAnnotations", "varReference", "images", "replicas"];
        let listed: usize = lists.into_iter().chain(more).map(|name| list(name).len()).sum();
        let referring: usize = references().iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!((listed + referring, written), (305, 305));
        assert_eq!(references().len(), 16);
    }

    #[test]
    fn a_row_says_which_objects_which_field_and_whether_it_is_made() {
        let gvk = ["", "", "Namespace"];
        assert_eq!(list("namespace")[0], Row { gvk, path: "metadata/name", create: true });
        assert!(!list("namePrefix")[0].create);
    }
}
