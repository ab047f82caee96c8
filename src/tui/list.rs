//! A list with a selected row: moving, scrolling, and an order that keeps still under the cursor.

use super::filter::Filter;
use super::keymap::Action;
use std::collections::HashSet;
use std::hash::Hash;

/// How long a selection rests before rows may change places, in milliseconds.
const REST: u64 = 2_000;

/// Where one is in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// The selected row.
    pub cursor: usize,
    /// The first row on screen.
    pub top: usize,
    /// When the selection was moved last; `None` if never.
    pub moved: Option<u64>,
}

impl List {
    /// Moves if the action moves; false if it means something else.
    pub(crate) fn act(&mut self, action: Action, len: usize, height: usize, now: u64) -> bool {
        let last = len.saturating_sub(1);
        let page = height.max(1);
        let to = match action {
            Action::Up => self.cursor.saturating_sub(1),
            Action::Down => self.cursor + 1,
            Action::Top => 0,
            Action::Bottom => last,
            Action::HalfUp => self.cursor.saturating_sub(page.div_ceil(2)),
            Action::HalfDown => self.cursor + page.div_ceil(2),
            Action::PageUp => self.cursor.saturating_sub(page),
            Action::PageDown => self.cursor + page,
            _ => return false,
        };
        self.cursor = to.min(last);
        self.moved = Some(now);
        self.settle(len, height);
        true
    }

    /// A click on a line of the list, counted from its first on screen. True if it met the row that was selected
    /// already; a line without a row is no click.
    pub(crate) fn click(&mut self, line: usize, len: usize, now: u64) -> bool {
        let row = self.top + line;
        if row >= len {
            return false;
        }
        let again = row == self.cursor;
        self.select(row, len, now);
        again
    }

    /// Selects a row.
    pub(crate) fn select(&mut self, row: usize, len: usize, now: u64) {
        self.cursor = row.min(len.saturating_sub(1));
        self.moved = Some(now);
    }

    /// Brings cursor and window back into the list.
    pub(crate) fn settle(&mut self, len: usize, height: usize) {
        self.cursor = self.cursor.min(len.saturating_sub(1));
        let height = height.max(1);
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + height {
            self.top = self.cursor + 1 - height;
        }
        self.top = self.top.min(len.saturating_sub(height));
    }

    /// True if the rows may change places now.
    pub(crate) fn rests(&self, now: u64) -> bool {
        self.moved.is_none_or(|moved| now.saturating_sub(moved) >= REST)
    }
}

/// A list below one line of headings that a filter narrows, as the root works with it.
pub(crate) struct Table<'a> {
    pub list: &'a mut List,
    pub filter: &'a mut Filter,
    /// How many rows pass the filter.
    pub len: usize,
    /// True if a better order waits and the selection rests.
    pub due: bool,
}

/// A scrolled text without a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scroll {
    /// The first line on screen.
    pub top: usize,
}

impl Scroll {
    /// Scrolls if the action moves.
    pub(crate) fn act(&mut self, action: Action, len: usize, height: usize) -> bool {
        let page = height.max(1);
        let to = match action {
            Action::Up => self.top.saturating_sub(1),
            Action::Down => self.top + 1,
            Action::Top => 0,
            Action::Bottom => len,
            Action::HalfUp => self.top.saturating_sub(page.div_ceil(2)),
            Action::HalfDown => self.top + page.div_ceil(2),
            Action::PageUp => self.top.saturating_sub(page),
            Action::PageDown => self.top + page,
            _ => return false,
        };
        self.top = to;
        self.settle(len, height);
        true
    }

    /// Brings the window back into the text.
    pub(crate) fn settle(&mut self, len: usize, height: usize) {
        self.top = self.top.min(len.saturating_sub(height.max(1)));
    }
}

/// A list whose rows have identities. New snapshots do not move rows under a cursor that was just used.
#[derive(Clone, Debug)]
pub(crate) struct Ordered<Id> {
    /// The rows as they stand on screen.
    pub order: Vec<Id>,
    /// Where one is.
    pub list: List,
    /// True if a better order waits for the selection to rest.
    pub waits: bool,
}

impl<Id> Default for Ordered<Id> {
    fn default() -> Self {
        Self { order: vec![], list: List::default(), waits: false }
    }
}

impl<Id: Clone + Eq + Hash> Ordered<Id> {
    /// The selected row.
    pub(crate) fn selected(&self) -> Option<&Id> {
        self.order.get(self.list.cursor)
    }

    /// True if the order that waits may be taken now.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        self.waits && self.list.rests(now)
    }

    /// When to look again whether the selection rests.
    pub(crate) fn alarm(&self, now: u64) -> Option<u64> {
        self.waits.then_some(now + 500)
    }

    /// The rows as a table.
    pub(crate) fn table<'a>(&'a mut self, filter: &'a mut Filter, now: u64) -> Table<'a> {
        let due = self.is_due(now);
        Table { list: &mut self.list, filter, len: self.order.len(), due }
    }

    /// Takes over the rows that there are now, in the order they should have.
    pub(crate) fn arrange(&mut self, wanted: Vec<Id>, now: u64, force: bool) {
        if force || self.list.rests(now) {
            self.take(wanted);
            return;
        }
        let there: HashSet<&Id> = wanted.iter().collect();
        let before: HashSet<&Id> = self.order.iter().collect();
        let kept = self.order.iter().filter(|id| there.contains(id));
        let new = wanted.iter().filter(|id| !before.contains(id));
        let still: Vec<Id> = kept.chain(new).cloned().collect();
        let waits = still != wanted;
        self.take(still);
        self.waits = waits;
    }

    /// The selection follows its row; a selection that was never moved stays at the top.
    fn take(&mut self, order: Vec<Id>) {
        if self.list.moved.is_some()
            && let Some(selected) = self.selected()
            && let Some(at) = order.iter().position(|id| id == selected)
        {
            let above = self.list.cursor.saturating_sub(self.list.top);
            self.list.cursor = at;
            self.list.top = at.saturating_sub(above);
        }
        self.order = order;
        self.waits = false;
        self.list.cursor = self.list.cursor.min(self.order.len().saturating_sub(1));
    }
}

/// The rows that are marked, so that one key works on all of them.
#[derive(Clone, Debug)]
pub(crate) struct Marked<Id>(HashSet<Id>);

impl<Id> Default for Marked<Id> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<Id: Eq + Hash> Marked<Id> {
    /// Marks a row, or takes its mark back.
    pub(crate) fn toggle(&mut self, id: Id) {
        if !self.0.remove(&id) {
            self.0.insert(id);
        }
    }

    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.0.contains(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Id> {
        self.0.iter()
    }

    /// What a key works on: the marked rows in the order of `all`, or the selected one if none is marked.
    pub(crate) fn chosen(&self, all: impl Iterator<Item = Id>, selected: Option<Id>) -> Vec<Id> {
        let marked: Vec<Id> = all.filter(|id| self.0.contains(id)).collect();
        if marked.is_empty() { selected.into_iter().collect() } else { marked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_keep_still_until_the_selection_rests() {
        let mut rows = Ordered { order: vec!["a", "b", "c"], ..Ordered::default() };
        rows.list.act(Action::Down, 3, 10, 1_000);
        rows.arrange(vec!["c", "b", "a", "d"], 1_500, false);
        assert_eq!((rows.order.clone(), rows.waits), (vec!["a", "b", "c", "d"], true));
        rows.arrange(vec!["c", "b", "a", "d"], 3_000, false);
        assert_eq!(rows.order, ["c", "b", "a", "d"]);
        assert_eq!(rows.selected(), Some(&"b"));
    }

    #[test]
    fn a_selection_that_was_never_moved_stays_at_the_top() {
        let mut rows = Ordered { order: vec!["a", "b"], ..Ordered::default() };
        rows.arrange(vec!["z", "a", "b"], 0, false);
        assert_eq!(rows.selected(), Some(&"z"));
    }

    #[test]
    fn a_row_that_is_gone_does_not_keep_the_cursor() {
        let mut rows = Ordered { order: vec!["a", "b"], ..Ordered::default() };
        rows.list.act(Action::Bottom, 2, 10, 0);
        rows.arrange(vec!["a"], 10, false);
        assert_eq!(rows.selected(), Some(&"a"));
    }

    #[test]
    fn a_click_selects_the_row_it_meets() {
        let mut list = List { cursor: 0, top: 2, moved: None };
        assert!(!list.click(1, 5, 7), "another row");
        assert_eq!(list, List { cursor: 3, top: 2, moved: Some(7) });
        assert!(list.click(1, 5, 8), "the selected row");
        assert!(!list.click(3, 5, 9), "below the last row");
        assert_eq!(list.moved, Some(8));
    }

    #[test]
    fn a_key_works_on_the_marked_rows_or_on_the_selected_one() {
        let mut marked = Marked::default();
        assert_eq!(marked.chosen("abc".chars(), Some('b')), ['b']);
        for id in ['c', 'a', 'b', 'b'] {
            marked.toggle(id);
        }
        assert_eq!(marked.chosen("abc".chars(), Some('b')), ['a', 'c']);
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_on_screen(
            steps in prop::collection::vec(0_usize..8, 0..40), len in 0_usize..50, height in 0_usize..20
        ) {
            let actions = [Action::Up, Action::Down, Action::Top, Action::Bottom, Action::HalfUp,
                Action::HalfDown, Action::PageUp, Action::PageDown];
            let mut list = List::default();
            for step in steps {
                list.act(actions[step], len, height, 0);
                prop_assert!(list.cursor < len.max(1));
                prop_assert!(list.top <= list.cursor && list.cursor < list.top + height.max(1));
            }
        }
    }
}
