//! The order in which Go prints the keys of a mapping: letters by code point, digits as numbers.

use crate::yaml::node::Map;

/// Places of the entries in Go's order.
///
/// The order of go-yaml v2 is not transitive (`a10` < `a1b` < `a9` < `a10`), so the library's sort,
/// which may panic on such orders, is not used. Keys that are in order already stay as they are;
/// others are first put into byte order, so that the result depends on the keys alone.
pub(super) fn places(map: &Map) -> Vec<usize> {
    let key = |place: usize| &*map.entries[place].key.text;
    let mut order: Vec<usize> = (0..map.len()).collect();
    if order.windows(2).all(|pair| !is_less(key(pair[1]), key(pair[0]))) {
        return order;
    }
    order.sort_by(|a, b| key(*a).as_bytes().cmp(key(*b).as_bytes()));
    merge_sort(&mut order, &|a, b| is_less(key(a), key(b)));
    order
}

/// A stable merge sort that ends for any relation.
fn merge_sort(items: &mut [usize], less: &impl Fn(usize, usize) -> bool) {
    if items.len() < 2 {
        return;
    }
    let middle = items.len() / 2;
    merge_sort(&mut items[..middle], less);
    merge_sort(&mut items[middle..], less);
    if !less(items[middle], items[middle - 1]) {
        return;
    }
    let (left, right) = (items[..middle].to_vec(), items[middle..].to_vec());
    let (mut l, mut r) = (left.iter().peekable(), right.iter().peekable());
    for slot in items {
        let from_right = match (l.peek(), r.peek()) {
            (Some(a), Some(b)) => less(**b, **a),
            (None, Some(_)) => true,
            _ => false,
        };
        let next = if from_right { r.next() } else { l.next() };
        *slot = next.copied().unwrap_or(*slot);
    }
}

/// True if `a` comes before `b`.
fn is_less(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
        return match (a.as_bytes().get(same), b.as_bytes().get(same)) {
            (Some(x), Some(y)) if x.is_ascii_alphabetic() && y.is_ascii_alphabetic() => x < y,
            (Some(x), Some(y)) if x.is_ascii_alphabetic() || y.is_ascii_alphabetic() => {
                y.is_ascii_alphabetic()
            }
            (Some(_), Some(_)) => {
                let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
                is_less_at(&a, &b, same)
            }
            _ => a.len() < b.len(),
        };
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    match a.iter().zip(&b).position(|(x, y)| x != y) {
        Some(place) => is_less_at(&a, &b, place),
        None => a.len() < b.len(),
    }
}

/// Decides at the first place where the keys differ.
fn is_less_at(a: &[char], b: &[char], place: usize) -> bool {
    let (x, y) = (a[place], b[place]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (false, false) => {}
        (_, y_is_letter) => return y_is_letter,
    }
    let start = i64::from((x == '0' || y == '0') && follows_number(&a[..place]));
    let (a_value, a_end) = number_at(a, place, start);
    let (b_value, b_end) = number_at(b, place, start);
    if a_value != b_value {
        return a_value < b_value;
    }
    if a_end == b_end { x < y } else { a_end < b_end }
}

/// True if the text ends in digits that are not all zero, so that a zero behind them counts.
fn follows_number(before: &[char]) -> bool {
    before.iter().rev().take_while(|c| digit_value(**c).is_some()).any(|c| *c != '0')
}

/// The number that starts at `place`, and where it ends. Overflow wraps, as it does in Go.
fn number_at(key: &[char], place: usize, start: i64) -> (i64, usize) {
    let mut value = start;
    let mut end = place;
    while let Some(digit) = key.get(end).and_then(|c| digit_value(*c)) {
        value = value.wrapping_mul(10).wrapping_add(digit);
        end += 1;
    }
    (value, end)
}

/// What Go counts for a digit: its distance from `0`, also for digits of other scripts.
fn digit_value(c: char) -> Option<i64> {
    let is_digit = c.is_ascii_digit() || (!c.is_ascii() && is_other_digit(c));
    is_digit.then(|| i64::from(u32::from(c)) - 48)
}

/// Decimal digits outside ASCII: the standard library knows them only together with other numerals,
/// so the runs of the common scripts stand here.
fn is_other_digit(c: char) -> bool {
    const ZEROS: [u32; 18] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
        0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0xFF10,
    ];
    let code = u32::from(c);
    ZEROS.iter().any(|zero| (*zero..zero + 10).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Node;

    fn sorted(keys: &[&str]) -> Vec<String> {
        let map: Map = keys.iter().map(|k| (*k, Node::null())).collect();
        places(&map).into_iter().map(|p| map.entries[p].key.text.to_string()).collect()
    }

    #[test]
    fn digits_count_as_numbers_and_letters_come_last() {
        assert_eq!(
            sorted(&["k10", "k9", "K1", "k", "-", "1", "a.b", "a/b", "a-b", "ab"]),
            ["-", "1", "K1", "a-b", "a.b", "a/b", "ab", "k", "k9", "k10"]
        );
    }

    #[test]
    fn leading_zeros_make_a_number_longer_not_larger() {
        assert_eq!(sorted(&["a01", "a1", "a001", "a2", "a02"]), ["a1", "a01", "a001", "a2", "a02"]);
    }

    #[test]
    fn a_zero_behind_a_number_counts() {
        assert_eq!(sorted(&["v10", "v1-", "v1"]), ["v1", "v1-", "v10"]);
    }

    #[test]
    fn a_circular_order_neither_panics_nor_depends_on_the_input() {
        let first = sorted(&["a10", "a1b", "a9"]);
        assert_eq!(first.len(), 3);
        assert_eq!(sorted(&["k99999999999999999999", "k1", "k5"]).len(), 3);
    }
}
