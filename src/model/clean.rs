//! Foreign text made safe for a screen, once, where it enters.

use std::fmt::Write as _;

/// Replaces what could act on a terminal or mislead a reader by visible signs: control characters
/// (C0, DEL, C1), bidirectional overrides and isolates, zero-width characters. Tabs become blanks;
/// line breaks stay.
///
/// ```
/// assert_eq!(sealane::model::clean("a\u{1b}[31mb\tc"), "a␛[31mb    c");
/// assert_eq!(sealane::model::clean("safe\u{202e}gnp"), "safe⟨202e⟩gnp");
/// ```
pub fn clean(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => safe.push('\n'),
            '\t' => safe.push_str("    "),
            '\r' => {}
            '\u{0}'..='\u{1f}' => safe.push(char::from_u32(0x2400 + letter as u32).unwrap_or('?')),
            '\u{7f}' => safe.push('␡'),
            '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{61c}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => {
                let _ = write!(safe, "⟨{:x}⟩", letter as u32);
            }
            _ => safe.push(letter),
        }
    }
    safe
}
