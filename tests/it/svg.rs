//! A terminal's screen as an SVG picture, for eyes and for documents.

use std::fmt::Write as _;
use vt100::{Cell, Color, Screen};

const WIDE: f32 = 8.4;
const HIGH: f32 = 18.0;
const MARGIN: f32 = 12.0;

/// The colours of the terminal that is pretended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    Dark,
    Light,
}

impl Paper {
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }

    /// (background, text)
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Dark => ("#16181d", "#d7dae0"),
            Self::Light => ("#ffffff", "#23272e"),
        }
    }

    /// The answer to the question for the background colour (OSC 11).
    pub fn answer(self) -> &'static str {
        match self {
            Self::Dark => "\x1b]11;rgb:1616/1818/1d1d\x1b\\",
            Self::Light => "\x1b]11;rgb:ffff/ffff/ffff\x1b\\",
        }
    }
}

/// What one run of cells has in common.
#[derive(Clone, PartialEq)]
struct Look {
    text: String,
    ground: Option<String>,
    bold: bool,
    underlined: bool,
}

/// Draws a screen. Runs of equal cells are one text each, so that letters stay in their columns in any font.
pub fn picture(screen: &Screen, paper: Paper) -> String {
    let (lines, columns) = screen.size();
    let (width, height) = (f32::from(columns) * WIDE + 2.0 * MARGIN, f32::from(lines) * HIGH + 2.0 * MARGIN);
    let (ground, text) = paper.colours();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\" xml:space=\"preserve\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{ground}\"/>\n"
    );
    for line in 0..lines {
        for (column, look, letters) in runs(screen, line, columns, (ground, text)) {
            run(&mut svg, (line, column), &look, &letters);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn runs(screen: &Screen, line: u16, columns: u16, paper: (&str, &str)) -> Vec<(u16, Look, String)> {
    let mut runs: Vec<(u16, Look, String)> = vec![];
    for column in 0..columns {
        let Some(cell) = screen.cell(line, column).filter(|c| !c.is_wide_continuation()) else { continue };
        let look = look(cell, paper);
        let letter = if cell.has_contents() { cell.contents() } else { " " };
        match runs.last_mut() {
            Some((_, last, letters)) if *last == look => letters.push_str(letter),
            _ => runs.push((column, look, letter.to_owned())),
        }
    }
    runs
}

fn look(cell: &Cell, (ground, text): (&str, &str)) -> Look {
    let shown = |colour: Color| match colour {
        Color::Default => None,
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        // The program asks for true colours wherever the terminal has them; these are few.
        Color::Idx(number) => Some(format!("hsl({}, 50%, 60%)", u16::from(number) * 40 % 360)),
    };
    let (mut front, mut back) = (shown(cell.fgcolor()), shown(cell.bgcolor()));
    if cell.inverse() {
        (front, back) = (back.or(Some(ground.to_owned())), front.or(Some(text.to_owned())));
    }
    let front = front.unwrap_or_else(|| text.to_owned());
    Look { text: front, ground: back, bold: cell.bold(), underlined: cell.underline() }
}

fn run(svg: &mut String, (line, column): (u16, u16), look: &Look, letters: &str) {
    let (x, y) = (MARGIN + f32::from(column) * WIDE, MARGIN + f32::from(line) * HIGH);
    let cells = u16::try_from(letters.chars().count()).expect("no wider than the screen");
    let width = f32::from(cells) * WIDE;
    if let Some(ground) = &look.ground {
        writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HIGH}\" fill=\"{ground}\"/>"
        )
        .expect("a string takes it");
    }
    if letters.trim().is_empty() {
        return;
    }
    let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
    let line = if look.underlined { " text-decoration=\"underline\"" } else { "" };
    let letters = letters.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\" textLength=\"{width:.1}\"{weight}{line}>{letters}</text>",
        y + HIGH * 0.76,
        look.text
    )
    .expect("a string takes it");
}
