//! Signs: one cell wide in every font, with an ASCII set for terminals that cannot draw them.

/// The signs of one set. Every one of them is exactly one cell wide; a test holds that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    /// Git and cluster agree.
    pub synced: char,
    /// They differ.
    pub drifted: char,
    /// Only git has it.
    pub only_git: char,
    /// It will go.
    pub removed: char,
    /// Only the cluster has it.
    pub only_live: char,
    /// It failed.
    pub failing: char,
    /// It is on its way.
    pub motion: char,
    /// Somebody paused it.
    pub paused: char,
    /// Not known.
    pub unknown: char,
    /// It stands in the clear.
    pub plaintext: char,
    /// A secret with the same value on both sides.
    pub same: char,
    /// A secret with different values.
    pub differs: char,
    /// The selected row.
    pub here: char,
    /// Something was cut.
    pub cut: char,
    /// Waiting for another.
    pub waiting: char,
    /// The colour bar of production.
    pub bar: char,
    /// A horizontal border.
    pub horizontal: char,
    /// A vertical border.
    pub vertical: char,
    /// A border that branches to the right.
    pub branch: char,
    /// The last branch.
    pub last: char,
    /// Corners of overlays: top left, top right, bottom left, bottom right.
    pub corners: [char; 4],
    /// Parts a list of things in one line.
    pub dot: char,
    /// From one value to the next.
    pub arrow: char,
    /// A typed character of a secret.
    pub bullet: char,
    /// Sorted downwards.
    pub down: char,
    /// Moves while something is read.
    pub spinner: &'static [char],
    /// True if only ASCII may be drawn.
    pub ascii: bool,
}

/// Signs of Unicode that every font has.
pub(crate) const UNICODE: Glyphs = Glyphs {
    synced: '✓',
    drifted: '≠',
    only_git: '+',
    removed: '−',
    only_live: '∅',
    failing: '✗',
    motion: '↻',
    paused: '‖',
    unknown: '?',
    plaintext: '!',
    same: '≡',
    differs: '●',
    here: '▸',
    cut: '…',
    waiting: '»',
    bar: '▌',
    horizontal: '─',
    vertical: '│',
    branch: '├',
    last: '└',
    corners: ['╭', '╮', '╰', '╯'],
    dot: '·',
    arrow: '→',
    bullet: '•',
    down: '↓',
    spinner: &['▖', '▘', '▝', '▗'],
    ascii: false,
};

/// Signs of ASCII.
pub(crate) const ASCII: Glyphs = Glyphs {
    synced: '=',
    drifted: '#',
    only_git: '+',
    removed: '-',
    only_live: '0',
    failing: 'x',
    motion: '~',
    paused: '"',
    unknown: '?',
    plaintext: '!',
    same: 's',
    differs: '*',
    here: '>',
    cut: '.',
    waiting: 'w',
    bar: '|',
    horizontal: '-',
    vertical: '|',
    branch: '|',
    last: '`',
    corners: ['+', '+', '+', '+'],
    dot: '-',
    arrow: '>',
    bullet: '*',
    down: 'v',
    spinner: &['|', '/', '-', '\\'],
    ascii: true,
};

impl Glyphs {
    /// The sign that this set has for one of the Unicode set, so that sentences made elsewhere
    /// ("image 1.8.1 → 1.8.2") can be drawn too. Letters of names stay what they are.
    pub(crate) fn plain(&self, letter: char) -> char {
        if !self.ascii || letter.is_ascii() {
            return letter;
        }
        match letter {
            '→' => self.arrow,
            '·' => self.dot,
            '…' => self.cut,
            '─' | '—' | '–' | '−' => '-',
            '│' => '|',
            '≠' => self.drifted,
            '✓' => self.synced,
            '✗' => self.failing,
            '●' => self.differs,
            '≡' => self.same,
            '∅' => self.only_live,
            '“' | '”' => '"',
            '‘' | '’' => '\'',
            '×' => 'x',
            other => other,
        }
    }

    /// The picture of the spinner at a moment in milliseconds: ten a second.
    pub(crate) fn spin(&self, now: u64) -> char {
        let step = usize::try_from(now / 100).unwrap_or(0) % self.spinner.len();
        self.spinner[step]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthChar;

    fn all(set: &Glyphs) -> Vec<char> {
        let mut signs = vec![
            set.synced,
            set.drifted,
            set.only_git,
            set.removed,
            set.only_live,
            set.failing,
            set.motion,
            set.paused,
            set.unknown,
            set.plaintext,
            set.same,
            set.differs,
            set.here,
            set.cut,
            set.waiting,
            set.bar,
            set.horizontal,
            set.vertical,
            set.branch,
            set.last,
            set.dot,
            set.arrow,
            set.bullet,
            set.down,
        ];
        signs.extend(set.corners);
        signs.extend(set.spinner);
        signs
    }

    #[test]
    fn every_sign_is_one_cell_wide() {
        for sign in all(&UNICODE).into_iter().chain(all(&ASCII)) {
            assert_eq!(sign.width(), Some(1), "{sign} (U+{:04x})", sign as u32);
        }
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        assert!(all(&ASCII).iter().all(char::is_ascii));
    }

    #[test]
    fn signs_of_state_differ_from_each_other_in_both_sets() {
        for set in [UNICODE, ASCII] {
            let mut signs: Vec<char> = all(&set)[..12].to_vec();
            signs.sort_unstable();
            signs.dedup();
            assert_eq!(signs.len(), 12);
        }
    }
}
