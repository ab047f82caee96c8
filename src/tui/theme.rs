//! Colours as data: labels become styles here and nowhere else (look.md, "Colour").

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is, for the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Label {
    /// All that matters.
    Text,
    /// What is usual, and secondary columns.
    Muted,
    /// Borders.
    Line,
    /// A change for the better.
    Good,
    /// Differs, needs a look.
    Notice,
    /// Failing, plaintext, refused.
    Bad,
    /// On its way, being read.
    Motion,
    /// Suspended.
    Paused,
    /// Focus, key letters, the match of a filter.
    Accent,
}

/// Every label, for tests and pictures.
#[cfg(test)]
pub(crate) const LABELS: [Label; 9] = [
    Label::Text,
    Label::Muted,
    Label::Line,
    Label::Good,
    Label::Notice,
    Label::Bad,
    Label::Motion,
    Label::Paused,
    Label::Accent,
];

/// Which colours the terminal gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Colours {
    /// Exact colours for a dark background.
    #[default]
    Dark,
    /// Exact colours for a light background.
    Light,
    /// The terminal's own sixteen.
    Sixteen,
    /// None: bold, underline and reverse only (`NO_COLOR`).
    Plain,
}

/// One table of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    pub colours: Colours,
}

const fn hex(rgb: u32) -> Color {
    let [_, r, g, b] = rgb.to_be_bytes();
    Color::Rgb(r, g, b)
}

impl Theme {
    pub(crate) fn new(colours: Colours) -> Self {
        Self { colours }
    }

    /// The style of a label.
    pub(crate) fn style(self, label: Label) -> Style {
        match self.colours {
            Colours::Dark => Style::new().fg(Self::dark(label)),
            Colours::Light => Style::new().fg(Self::light(label)),
            Colours::Sixteen => Self::sixteen(label),
            Colours::Plain => Style::new(),
        }
    }

    /// What the selected row gets on top of its labels.
    pub(crate) fn selection(self) -> Style {
        match self.colours {
            Colours::Dark => Style::new().bg(hex(0x2f_3747)),
            Colours::Light => Style::new().bg(hex(0xdb_e4f2)),
            Colours::Sixteen | Colours::Plain => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    /// The background of overlays: the terminal's own, so that nothing shines through.
    pub(crate) fn overlay() -> Style {
        Style::reset()
    }

    /// True if coloured text may stand on the selected row. Reversed colours would be unreadable.
    pub(crate) fn colours_selection(self) -> bool {
        matches!(self.colours, Colours::Dark | Colours::Light)
    }

    const fn dark(label: Label) -> Color {
        match label {
            Label::Text => hex(0xd7_dae0),
            Label::Muted => hex(0x8b_93a3),
            Label::Line => hex(0x4a_5160),
            Label::Good => hex(0x7f_c796),
            Label::Notice => hex(0xe3_b566),
            Label::Bad => hex(0xf2_8779),
            Label::Motion => hex(0x73_b8ff),
            Label::Paused => hex(0xb7_9af0),
            Label::Accent => hex(0x5f_d1c5),
        }
    }

    const fn light(label: Label) -> Color {
        match label {
            Label::Text => hex(0x23_272e),
            Label::Muted => hex(0x5d_6573),
            Label::Line => hex(0xb5_bcc8),
            Label::Good => hex(0x1b_6f38),
            Label::Notice => hex(0x8a_5a00),
            Label::Bad => hex(0xb3_261e),
            Label::Motion => hex(0x0b_5fad),
            Label::Paused => hex(0x6b_46b8),
            Label::Accent => hex(0x00_706a),
        }
    }

    fn sixteen(label: Label) -> Style {
        match label {
            Label::Text => Style::new(),
            Label::Muted | Label::Line => Style::new().fg(Color::DarkGray),
            Label::Good => Style::new().fg(Color::Green),
            Label::Notice => Style::new().fg(Color::Yellow),
            Label::Bad => Style::new().fg(Color::Red),
            Label::Motion => Style::new().fg(Color::Blue),
            Label::Paused => Style::new().fg(Color::Magenta),
            Label::Accent => Style::new().fg(Color::Cyan),
        }
    }
}

/// The label of a style, for the legends of snapshots.
#[cfg(test)]
pub(crate) fn label_of(theme: Theme, style: Style) -> Option<Label> {
    LABELS.into_iter().find(|label| theme.style(*label).fg == style.fg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color) -> f64 {
        let Color::Rgb(r, g, b) = color else { panic!("an exact colour") };
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: Color, b: Color) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn check(colours: Colours, background: Color, except: &[Label]) {
        for label in LABELS {
            if except.contains(&label) {
                continue;
            }
            let fg = Theme::new(colours).style(label).fg.expect("an exact colour");
            let measured = contrast(fg, background);
            assert!(measured >= 4.5, "{colours:?} {label:?} on {background:?}: {measured:.2}");
        }
    }

    #[test]
    fn text_can_be_read_on_usual_backgrounds() {
        for background in [0x00_0000, 0x16_181a, 0x1d_1f21, 0x1e_1e2e, 0x28_2c34, 0x00_2b36] {
            check(Colours::Dark, hex(background), &[Label::Line]);
        }
        for background in [0xff_ffff, 0xfa_fafa, 0xef_f1f5, 0xfd_f6e3] {
            check(Colours::Light, hex(background), &[Label::Line]);
        }
    }

    #[test]
    fn text_can_be_read_on_the_selected_row() {
        for colours in [Colours::Dark, Colours::Light] {
            let background = Theme::new(colours).selection().bg.expect("a background");
            check(colours, background, &[Label::Line, Label::Muted]);
        }
    }

    #[test]
    fn no_colour_means_no_colour() {
        for label in LABELS {
            let style = Theme::new(Colours::Plain).style(label);
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
