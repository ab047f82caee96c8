//! Numbers, times and texts as people read them, cut to the room there is.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Cells that a text takes: the sum of its letters', as they are drawn.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { letters(text).map(|(_, cells)| cells).sum() }
}

/// The letters as readers see them (extended grapheme clusters, Unicode Standard Annex 29), with the cells of each. A
/// sign and what is set upon it stay together; the width of a whole is not the sum of its characters'.
pub(crate) fn letters(text: &str) -> impl DoubleEndedIterator<Item = (&str, usize)> {
    text.graphemes(true).map(|letter| (letter, letter.width()))
}

/// Time since `then`, short: `12s`, `5m`, `3h`, `2d`, `5w`, `7mo`, `2y`. The future reads `now`.
pub(crate) fn ago(now: i64, then: i64) -> String {
    let seconds = now.saturating_sub(then);
    let (minute, hour, day) = (60, 3_600, 86_400);
    match seconds {
        i64::MIN..=1 => "now".to_owned(),
        2..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / minute),
        3_600..86_400 => format!("{}h", seconds / hour),
        86_400..1_209_600 => format!("{}d", seconds / day),
        1_209_600..5_184_000 => format!("{}w", seconds / (7 * day)),
        5_184_000..63_072_000 => format!("{}mo", seconds / (30 * day)),
        _ => format!("{}y", seconds / (365 * day)),
    }
}

/// A moment in full: `2026-08-21 14:02 UTC`.
pub(crate) fn absolute(at: i64) -> String {
    let (days, rest) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3_600, rest % 3_600 / 60)
}

/// The date of a day number since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A server's RFC 3339 time without its seconds: `2026-08-21 14:02`; other text as it is.
pub(crate) fn server_time(text: &str) -> String {
    match (text.get(..10), text.get(10..11), text.get(11..16)) {
        (Some(day), Some("T"), Some(minute)) => format!("{day} {minute}"),
        _ => text.to_owned(),
    }
}

/// `1 commit`, `3 commits`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {}", plural(noun)) }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['s', 'x']) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// The front of a text in at most `room` cells; what is cut is marked.
pub(crate) fn cut(text: &str, room: usize, mark: char) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut kept = head(text, room.saturating_sub(1)).trim_end().to_owned();
    if room > 0 {
        kept.push(mark);
    }
    kept
}

/// A path in at most `room` cells: its middle goes, the file's name stays as long as it can.
pub(crate) fn cut_path(path: &str, room: usize, mark: char) -> String {
    if width(path) <= room {
        return path.to_owned();
    }
    if room < 8 {
        return cut(path, room, mark);
    }
    let name = path.rsplit_once('/').map_or("", |(_, name)| name);
    let back = (width(name) + 1).max(room / 2).min(room.saturating_sub(4));
    let front = room - back - 1;
    format!("{}{mark}{}", head(path, front), tail(path, back))
}

fn head(text: &str, room: usize) -> &str {
    let (mut used, mut end) = (0, 0);
    for (letter, cells) in letters(text) {
        used += cells;
        if used > room {
            break;
        }
        end += letter.len();
    }
    &text[..end]
}

fn tail(text: &str, room: usize) -> &str {
    let (mut used, mut start) = (0, text.len());
    for (letter, cells) in letters(text).rev() {
        used += cells;
        if used > room {
            break;
        }
        start -= letter.len();
    }
    &text[start..]
}

/// A text in lines of at most `room` cells, broken at blanks where there are some.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        wrap_paragraph(paragraph, room.max(1), &mut lines);
    }
    lines
}

fn wrap_paragraph(paragraph: &str, room: usize, lines: &mut Vec<String>) {
    let mut line = String::new();
    // A line that begins with blanks keeps them: they are its indentation.
    let mut fresh = true;
    for word in paragraph.split(' ') {
        let mut word = word;
        let gap = usize::from(!fresh);
        if width(&line) + gap + width(word) <= room {
            line.push_str(if gap == 1 { " " } else { "" });
            line.push_str(word);
            fresh = false;
            continue;
        }
        if !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        line.clear();
        while width(word) > room {
            let front = head(word, room);
            // One letter can be wider than the room; it is taken all the same, so that this ends.
            let front =
                if front.is_empty() { letters(word).next().map_or("", |(letter, _)| letter) } else { front };
            lines.push(front.to_owned());
            word = &word[front.len()..];
        }
        line.push_str(word);
        fresh = false;
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_short() {
        for (seconds, text) in [
            (0, "now"),
            (59, "59s"),
            (60, "1m"),
            (7_199, "1h"),
            (86_400, "1d"),
            (13 * 86_400, "13d"),
            (15 * 86_400, "2w"),
            (100 * 86_400, "3mo"),
            (800 * 86_400, "2y"),
            (-5, "now"),
        ] {
            assert_eq!(ago(1_000_000_000, 1_000_000_000 - seconds), text);
        }
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        for (at, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_208_000, "2024-02-29 12:00 UTC"),
            (1_788_000_000, "2026-08-29 10:40 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
        ] {
            assert_eq!(absolute(at), text);
        }
    }

    #[test]
    fn paths_lose_their_middle() {
        assert_eq!(
            cut_path("apps/shop/base/deployment.yaml", 24, '…'),
            "apps/sh…/deployment.yaml".to_owned()
        );
        assert_eq!(cut_path("short.yaml", 24, '…'), "short.yaml");
    }

    #[test]
    fn a_sign_and_what_is_set_upon_it_are_one_letter() {
        assert_eq!(width("#\u{fe0f}"), 2);
        assert_eq!(cut("#\u{fe0f}abcdef", 4, '…'), "#\u{fe0f}a…");
        assert_eq!(width("cafe\u{301}"), 4);
        assert_eq!(wrap("cafe\u{301}cafe\u{301}", 4), ["cafe\u{301}", "cafe\u{301}"]);
    }

    #[test]
    fn words_are_counted() {
        assert_eq!(count(1, "commit"), "1 commit");
        assert_eq!(count(2, "key"), "2 keys");
        assert_eq!(count(0, "entry"), "0 entries");
        assert_eq!(and(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }

    #[test]
    fn server_times_lose_their_seconds() {
        assert_eq!(server_time("2026-08-21T14:02:11Z"), "2026-08-21 14:02");
        assert_eq!(server_time("soon"), "soon");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_room(text in "\\PC{0,60}", room in 0_usize..40) {
            prop_assert!(width(&cut(&text, room, '…')) <= room);
            prop_assert!(width(&cut_path(&text, room, '…')) <= room);
            for line in wrap(&text, room.max(2)) {
                prop_assert!(width(&line) <= room.max(2) || letters(&line).count() == 1, "{line:?}");
            }
        }

        #[test]
        fn wrapping_loses_no_letter(text in "[a-zé ]{0,80}", room in 1_usize..40) {
            let all: String = wrap(&text, room).concat().replace(' ', "");
            prop_assert_eq!(all, text.replace(' ', ""));
        }
    }
}
