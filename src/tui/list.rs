//! A list with a selected row: moving, scrolling, and an order that keeps still under the cursor.

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

    /// Selects a row, as a click does.
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
