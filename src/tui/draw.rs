//! The frame around every screen: where am I, what is the state, the strip, the keys.

use super::canvas::{Canvas, Line, Piece, bold, cells, piece, spoken};
use super::keymap::{self, Action, Binding, Mode};
use super::screen::{Counter, Strip};
use super::state::State;
use super::theme::Label;
use super::words;
use crate::workspace::{ClusterView, EnvironmentView, HeadView};
use ratatui::Frame;
use ratatui::layout::Rect;

/// The smallest size that holds a screen.
pub(crate) const SMALLEST: (u16, u16) = (80, 24);

/// Where the parts of a frame stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Areas {
    pub place: Rect,
    pub counters: Rect,
    pub body: Rect,
    pub rule: Rect,
    pub strip: Rect,
    /// The tour's own line; empty where there is no room for one.
    pub tour: Rect,
    pub keys: Rect,
}

/// Divides a frame. On low screens the strip has two lines and the tour stands in the rule.
pub(crate) fn areas(size: (u16, u16), tour: bool) -> Areas {
    let (width, height) = size;
    let strip = if height < 30 { 2 } else { 3 };
    let tour = u16::from(tour && height >= 30);
    let body = height.saturating_sub(4 + strip + tour);
    let row = |y: u16, h: u16| Rect::new(0, y.min(height), width, h.min(height.saturating_sub(y)));
    Areas {
        place: row(0, 1),
        counters: row(1, 1),
        body: row(2, body),
        rule: row(2 + body, 1),
        strip: row(3 + body, strip),
        tour: row(3 + body + strip, tour),
        keys: row(3 + body + strip + tour, 1),
    }
}

/// Draws one frame. No lock, no I/O, no clock.
pub(crate) fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut whole = Canvas::new(frame.buffer_mut(), area, state.look);
    if state.size.0 < SMALLEST.0 || state.size.1 < SMALLEST.1 {
        return too_small(state, &mut whole);
    }
    let facts = state.facts();
    let areas = areas(state.size, state.tour_line().is_some());
    place_line(state, &mut part(&mut whole, areas.place));
    counter_line(state, &mut part(&mut whole, areas.counters));
    state.top.draw(&facts, &mut part(&mut whole, areas.body));
    let strip = state.top.strip(&facts);
    rule(state, &strip, areas.tour.height == 0, &mut part(&mut whole, areas.rule));
    draw_strip(&strip, &mut part(&mut whole, areas.strip));
    if let Some(text) = state.tour_line() {
        let line = Line::new(spoken(&piece(Label::Muted, text)));
        whole.part(1, areas.tour.y, areas.tour.width.saturating_sub(2), areas.tour.height).line(0, &line);
    }
    key_line(state, &mut part(&mut whole, areas.keys));
    if let Some(overlay) = &state.overlay {
        overlay.draw(&facts, &mut whole);
    }
}

fn part<'a>(whole: &'a mut Canvas<'_>, area: Rect) -> Canvas<'a> {
    whole.part(area.x, area.y, area.width, area.height)
}

fn too_small(state: &State, canvas: &mut Canvas<'_>) {
    let (width, height) = state.size;
    let texts = [
        format!("Sealane needs {} columns and {} lines.", SMALLEST.0, SMALLEST.1),
        format!("Here are {width} and {height}: make the terminal larger."),
    ];
    let mut y = 0;
    for text in texts {
        for line in words::wrap(&text, usize::from(width.max(1))) {
            canvas.line(y, &Line::text(Label::Text, line));
            y += 1;
        }
    }
}

fn place_line(state: &State, canvas: &mut Canvas<'_>) {
    let facts = state.facts();
    let environment = state.top.environment();
    let view = state.snapshot.environments.iter().find(|e| Some(&e.name) == environment.as_ref());
    let mut pieces = vec![];
    let mut clusters = vec![piece(Label::Text, "   ")];
    match view {
        Some(view) => {
            if let Some(context) = &view.context {
                clusters.push(piece(Label::Muted, format!("{context} ")));
            }
            clusters.extend(cluster_words(view, facts.seconds()));
        }
        None => clusters.extend(all_clusters(state)),
    }
    let room = usize::from(canvas.width()).saturating_sub(Line::new(clusters.clone()).width() + 1);
    // Words go before names do, where it is narrow.
    for wide in [true, false] {
        pieces = match view {
            Some(view) => environment_name(view, canvas.look.glyphs.bar, true),
            None if wide || canvas.width() >= 100 => vec![bold(Label::Text, " sealane")],
            None => vec![],
        };
        pieces.push(piece(Label::Text, if pieces.is_empty() { " " } else { "  " }));
        pieces.extend(repository(state, wide && canvas.width() >= 100));
        if Line::new(pieces.clone()).width() <= room {
            break;
        }
    }
    pieces.extend(clusters);
    let trail = breadcrumb(state, usize::from(canvas.width()), Line::new(pieces.clone()).width());
    canvas.line(0, &Line::new(pieces).right(trail));
}

fn environment_name(view: &EnvironmentView, bar: char, lead: bool) -> Vec<Piece> {
    if view.production {
        vec![bold(Label::Bad, bar), bold(Label::Text, view.name.to_string())]
    } else {
        let blank = if lead { " " } else { "" };
        vec![bold(Label::Text, format!("{blank}{}", view.name))]
    }
}

fn repository(state: &State, wide: bool) -> Vec<Piece> {
    let repo = &state.snapshot.repo;
    let mut pieces = vec![piece(Label::Text, repo.name.to_string())];
    let head = match &repo.head {
        HeadView::Unread => String::new(),
        HeadView::Branch(name) => name.to_string(),
        HeadView::Detached => "detached".to_owned(),
        HeadView::Unborn(name) => format!("{name}, no commit yet"),
    };
    pieces.push(piece(Label::Muted, format!("  {head}")));
    if let Some(commit) = &repo.commit {
        pieces.push(piece(Label::Muted, format!(" {}", commit.id.short())));
    }
    if repo.ahead > 0 {
        let word = if wide { " unpushed" } else { "" };
        pieces.push(piece(Label::Notice, format!(" +{}{word}", repo.ahead)));
    }
    if repo.behind > 0 {
        let word = if wide { " behind" } else { "" };
        pieces.push(piece(Label::Notice, format!(" -{}{word}", repo.behind)));
    }
    if let Some(operation) = &repo.operation {
        pieces.push(piece(Label::Bad, format!(" {operation} in progress")));
    }
    if repo.dirty > 0 && wide {
        pieces.push(piece(Label::Muted, format!(" {} changed", words::count(repo.dirty, "file"))));
    }
    pieces
}

/// All clusters in few words: each by name while they are few, by number when they are many.
fn all_clusters(state: &State) -> Vec<Piece> {
    let views = &state.snapshot.environments;
    if views.len() > 4 {
        let live = views.iter().filter(|v| matches!(v.cluster, ClusterView::Live { .. })).count();
        return vec![piece(Label::Muted, format!("{live} of {} clusters live", views.len()))];
    }
    let mut pieces = vec![];
    for view in views.iter() {
        if !pieces.is_empty() {
            pieces.push(piece(Label::Text, "  "));
        }
        pieces.extend(environment_name(view, state.look.glyphs.bar, false).into_iter().map(|mut p| {
            p.bold = false;
            p
        }));
        pieces.push(piece(Label::Text, " "));
        pieces.extend(cluster_words(view, state.facts().seconds()));
    }
    pieces
}

/// The state of a cluster, and which one it is where one environment is looked at.
fn cluster_words(view: &EnvironmentView, now: i64) -> Vec<Piece> {
    let (label, text) = match &view.cluster {
        ClusterView::Off => (Label::Muted, "git only".to_owned()),
        ClusterView::Unchosen { .. } => (Label::Notice, "not chosen".to_owned()),
        ClusterView::NeedsConsent { .. } => (Label::Notice, "asks first".to_owned()),
        ClusterView::Connecting => (Label::Motion, "connecting".to_owned()),
        ClusterView::Reading { done, kinds, .. } => (Label::Motion, format!("reading {done}/{kinds}")),
        ClusterView::Live { gaps, .. } if !gaps.is_empty() => (Label::Notice, "partly live".to_owned()),
        ClusterView::Live { .. } => (Label::Muted, "live".to_owned()),
        ClusterView::Lost { since, .. } => {
            (Label::Notice, format!("offline for {}", words::ago(now, *since)))
        }
        ClusterView::Failed(_) => (Label::Bad, "unreachable".to_owned()),
    };
    vec![piece(label, text)]
}

/// The trail at the right end; its front goes first when there is no room.
fn breadcrumb(state: &State, width: usize, used: usize) -> Piece {
    let facts = state.facts();
    if state.below.is_empty() {
        return piece(Label::Muted, "");
    }
    let titles: Vec<String> =
        state.below.iter().chain([&state.top]).map(|screen| screen.title(&facts)).collect();
    let between = if state.look.glyphs.ascii { " > " } else { " › " };
    let room = width.saturating_sub(used + 3);
    let mut from = 0;
    let mut text = titles.join(between);
    while words::width(&text) + 1 > room && from + 1 < titles.len() {
        from += 1;
        text = format!("{}{between}{}", state.look.glyphs.cut, titles[from..].join(between));
    }
    if words::width(&text) + 1 > room {
        text = titles.last().cloned().unwrap_or_default();
    }
    if words::width(&text) + 1 > room {
        piece(Label::Muted, "")
    } else {
        piece(Label::Muted, format!("{text} "))
    }
}

fn counter_line(state: &State, canvas: &mut Canvas<'_>) {
    let facts = state.facts();
    let mut remark = state.top.remark(&facts);
    if let Some(filter) = state.top.filter().filter(|f| !f.typed.trim().is_empty()) {
        remark.push(piece(Label::Accent, format!("  /{}", filter.typed)));
    }
    let right: String = remark.iter().map(|p| p.text.as_str()).collect();
    let label = remark.first().map_or(Label::Muted, |p| p.label);
    let taken = words::width(&right) + 4;
    let mut pieces = vec![piece(Label::Text, " ")];
    let (shown, cut) = fitting(state.top.counters(&facts), usize::from(canvas.width()).saturating_sub(taken));
    for (_, counter) in &shown {
        pieces.extend(counter_pieces(counter));
    }
    if cut {
        pieces.push(piece(Label::Muted, canvas.look.glyphs.cut));
    }
    canvas.line(0, &Line::new(pieces).right(piece(label, format!("{right} "))));
}

/// The counters that fit, with their numbers from 1: the most urgent ones, and always the last, which says
/// how much is well.
fn fitting(counters: Vec<Counter>, room: usize) -> (Vec<(usize, Counter)>, bool) {
    let wide = |counter: &Counter| Line::new(counter_pieces(counter)).width();
    let mut all: Vec<(usize, Counter)> = counters.into_iter().enumerate().map(|(n, c)| (n + 1, c)).collect();
    let mut cut = false;
    while all.len() > 2 && all.iter().map(|(_, c)| wide(c)).sum::<usize>() + 2 > room {
        all.remove(all.len() - 2);
        cut = true;
    }
    (all, cut)
}

fn counter_pieces(counter: &Counter) -> Vec<Piece> {
    let text = format!("{} {}", counter.number, counter.word);
    let main = Piece { underlined: counter.on, bold: counter.on, ..piece(counter.label, text) };
    vec![main, piece(Label::Text, "  ")]
}

/// Which counter, from 1, stands at a column of line 2.
pub(crate) fn counter_at(state: &State, x: u16) -> Option<u8> {
    let mut at = 1;
    let facts = state.facts();
    let remark: usize = state.top.remark(&facts).iter().map(|p| words::width(&p.text)).sum();
    let room = usize::from(state.size.0).saturating_sub(remark + 4);
    for (number, counter) in fitting(state.top.counters(&facts), room).0 {
        let wide = cells(Line::new(counter_pieces(&counter)).width());
        if (at..at + wide.saturating_sub(2)).contains(&x) {
            return u8::try_from(number).ok();
        }
        at += wide;
    }
    None
}

fn rule(state: &State, strip: &Strip, tour_here: bool, canvas: &mut Canvas<'_>) {
    canvas.rule(0);
    let text = match state.tour_line().filter(|_| tour_here) {
        Some(tour) => piece(Label::Muted, format!(" {} ", tour.replace('`', ""))),
        None if strip.title.is_empty() && strip.place.is_empty() => return,
        None if strip.title.is_empty() => piece(Label::Text, ""),
        None => bold(Label::Text, format!(" {} ", strip.title)),
    };
    let room = usize::from(canvas.width().saturating_sub(2));
    let used = words::width(&text.text);
    canvas.put(1, 0, cells(room), &text);
    let left = room.saturating_sub(used + 4);
    if !strip.place.is_empty() && left >= 12 {
        let place = format!(" {} ", words::cut_path(&strip.place, left - 2, canvas.look.glyphs.cut));
        let at = canvas.width().saturating_sub(cells(words::width(&place)) + 1);
        canvas.put(at, 0, cells(left), &piece(Label::Muted, place));
    }
}

/// The cause, wrapped, and the next step below it; where both do not fit they flow into each other.
fn draw_strip(strip: &Strip, canvas: &mut Canvas<'_>) {
    let room = usize::from(canvas.width().saturating_sub(2));
    let height = usize::from(canvas.height());
    let cause: Vec<Piece> = strip.cause.iter().flat_map(spoken).collect();
    let mut lines = wrap_pieces(&cause, room);
    if !strip.next.is_empty() {
        let next = spoken(&piece(Label::Text, strip.next.clone()));
        let own = wrap_pieces(&next, room);
        if lines.len() + own.len() <= height {
            lines.extend(own);
        } else {
            let gap = piece(Label::Text, "   ");
            let flow: Vec<Piece> = cause.into_iter().chain([gap]).chain(next).collect();
            lines = wrap_pieces(&flow, room);
        }
    }
    if lines.len() > height
        && let Some(last) = lines.get_mut(height.saturating_sub(1))
    {
        while last.width() + 2 > room && last.pieces.iter_mut().rev().any(|p| p.text.pop().is_some()) {}
        last.pieces.push(piece(Label::Muted, format!(" {}", canvas.look.glyphs.cut)));
    }
    for (y, line) in lines.iter().take(height).enumerate() {
        canvas.part(1, cells(y), cells(room), 1).line(0, line);
    }
}

/// Wraps labelled text; labels stay with their words.
pub(crate) fn wrap_pieces(pieces: &[Piece], room: usize) -> Vec<Line> {
    let text: String = pieces.iter().map(|p| p.text.as_str()).collect();
    let mut letters = pieces.iter().flat_map(|p| p.text.chars().map(move |c| (c, p)));
    let mut lines = vec![];
    for wrapped in words::wrap(&text, room) {
        let mut line: Vec<Piece> = vec![];
        for letter in wrapped.chars() {
            // Blanks that a break swallowed are skipped until the letters meet again.
            let Some((_, of)) = letters.find(|(c, _)| *c == letter) else { break };
            match line.last_mut() {
                Some(last)
                    if (last.label, last.bold, last.underlined) == (of.label, of.bold, of.underlined) =>
                {
                    last.text.push(letter);
                }
                _ => line.push(Piece { text: letter.to_string(), ..of.clone() }),
            }
        }
        lines.push(Line::new(line));
    }
    lines
}

/// The keys of the last line that do something now, as many as fit.
fn keys_of(state: &State) -> Vec<(&'static Binding, String)> {
    let facts = state.facts();
    let mode = state.overlay.as_ref().map_or_else(|| state.top.mode(), |o| o.mode());
    let over = state.overlay.is_some();
    // Overlays name their own keys; only pages leave that to the last line.
    if over && mode != Mode::Pager {
        return vec![];
    }
    let mut room = usize::from(state.size.0).saturating_sub(2);
    let mut shown = vec![];
    for binding in keymap::footer(mode) {
        let back = binding.action == Action::Back && state.below.is_empty() && !over;
        if back || (!over && !state.top.can(binding.action, &facts)) {
            continue;
        }
        let word = state
            .top
            .word(binding.action, &facts)
            .filter(|_| !over)
            .unwrap_or_else(|| binding.word.to_owned());
        let wide = key_width(binding, &word);
        if wide > room {
            break;
        }
        room = room.saturating_sub(wide + 2);
        shown.push((binding, word));
    }
    shown
}

fn key_name(binding: &Binding) -> String {
    binding.keys.first().map(|k| k.name()).unwrap_or_default()
}

fn key_width(binding: &Binding, word: &str) -> usize {
    words::width(&key_name(binding)) + 1 + words::width(word)
}

/// What stands at a column of the last line.
pub(crate) fn key_at(state: &State, x: u16) -> Option<Action> {
    let mut at = 1;
    for (binding, word) in keys_of(state) {
        let wide = key_width(binding, &word);
        if (at..at + wide).contains(&usize::from(x)) {
            return Some(binding.action);
        }
        at += wide + 2;
    }
    None
}

fn key_line(state: &State, canvas: &mut Canvas<'_>) {
    if let Some(notice) = &state.notice {
        return canvas.line(0, &Line::new(vec![piece(notice.label, format!(" {}", notice.text))]));
    }
    let mut pieces = vec![piece(Label::Text, " ")];
    for (binding, word) in keys_of(state) {
        pieces.push(bold(Label::Accent, key_name(binding)));
        pieces.push(piece(Label::Muted, format!(" {word}  ")));
    }
    canvas.line(0, &Line::new(pieces));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighteen_lines_are_content_on_the_smallest_screen() {
        assert!(areas(SMALLEST, false).body.height >= 18);
        assert!(areas(SMALLEST, true).body.height >= 18);
    }

    #[test]
    fn parts_lie_below_each_other_and_fill_the_frame() {
        for height in 24..80 {
            for tour in [false, true] {
                let a = areas((100, height), tour);
                let rows = [a.place, a.counters, a.body, a.rule, a.strip, a.tour, a.keys];
                let mut y = 0;
                for row in rows {
                    assert_eq!(row.y, y);
                    y += row.height;
                }
                assert_eq!(y, height);
            }
        }
    }

    #[test]
    fn labels_stay_with_their_words_when_wrapped() {
        let pieces = [piece(Label::Bad, "one two"), piece(Label::Muted, " three four")];
        let lines = wrap_pieces(&pieces, 9);
        assert_eq!(lines[0], Line::text(Label::Bad, "one two"));
        assert_eq!(lines[1], Line::text(Label::Muted, "three"));
        assert_eq!(lines[2], Line::text(Label::Muted, "four"));
    }
}
