//! `update`: a message changes the state and asks for effects. No I/O, no clock, no terminal.

use super::effect::{Answer, Effect, Errand, Question, Reply, Slot};
use super::filter::Filter;
use super::keymap::{self, Action, Mode};
use super::overlay::palette::Choice;
use super::overlay::{
    Outcome, Overlay, confirm::Confirm, pager::Pager, palette::Palette, prompt::Prompt, unlock::Unlock,
};
use super::screen::{Facts, Given, Route, Screen, Step, home::Home};
use super::state::{Ending, Message, State};
use super::theme::Label;
use super::{draw, menu, words};
use crate::model::{Place, Problem};
use crate::secret::SecretText;
use crate::workspace::{ClusterView, ObjectId, PushOutcome, Snapshot, editor_command};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Views that can be gone back to.
const TRAILS: usize = 50;

/// Takes one message in.
pub(crate) fn update(state: &mut State, message: Message) -> Vec<Effect> {
    let mut effects = vec![];
    match message {
        Message::Key(event) => key(state, &event, &mut effects),
        Message::Paste(text) => paste(state, text, &mut effects),
        Message::Mouse(event) => mouse(state, event, &mut effects),
        Message::Resize { width, height } => state.size = (width, height),
        Message::Snapshot(snapshot) => publish(state, snapshot, &mut effects),
        Message::Reply(reply) => take_reply(state, reply, &mut effects),
        Message::NoClipboard(text) => effects.push(Effect::Errand(Errand::Clipboard(text))),
        Message::Tour(step) => state.tour = Some(step),
        Message::Tick(now) => {
            tick(state, now);
            ask_for_clusters(state, &mut effects);
        }
        Message::Returned(problem) => {
            let failed = problem.is_some();
            if let Some(problem) = problem {
                state.say(Label::Bad, problem);
            }
            let steps = state.returned(failed);
            take(state, steps, &mut effects);
            effects.push(Effect::Refresh);
        }
        Message::Terminated => state.ending = Some(Ending::Terminated),
        Message::Crashed(report) => state.ending = Some(Ending::Crashed(report)),
    }
    state.on_top(|screen, facts| screen.settle(facts));
    effects
}

fn tick(state: &mut State, now: u64) {
    state.now = state.now.max(now);
    if state.notice.as_ref().is_some_and(|n| n.until <= state.now) {
        state.notice = None;
    }
}

fn mode(state: &State) -> Mode {
    state.overlay.as_ref().map_or_else(|| state.top.mode(), |overlay| overlay.mode())
}

fn key(state: &mut State, event: &KeyEvent, effects: &mut Vec<Effect>) {
    if event.kind == KeyEventKind::Release {
        return;
    }
    match keymap::action(mode(state), event) {
        Some(action) => act(state, action, effects),
        None => tour_key(state, event),
    }
}

fn tour_key(state: &mut State, event: &KeyEvent) {
    let hides = state.tour.as_ref().and_then(|t| t.key_to_hide).map(KeyCode::Char);
    if hides == Some(event.code) && state.overlay.is_none() {
        state.tour_hidden = true;
    }
}

fn paste(state: &mut State, text: String, effects: &mut Vec<Effect>) {
    if mode(state) == Mode::Secret {
        // The bytes are taken over as they are and wiped with the form; no copy is left.
        let secret = SecretText::from_string(text);
        match state.overlay.as_deref_mut() {
            Some(Overlay::Unlock(unlock)) => unlock.paste(secret),
            _ => drop(state.top.paste(secret)),
        }
    } else if let Some(overlay) = &mut state.overlay {
        let steps = overlay.paste(&text);
        take(state, steps, effects);
    }
}

/// What a key means, wherever it came from.
fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::QuitNow => state.ending = Some(Ending::Quit),
        Action::Suspend => effects.push(Effect::Errand(Errand::Suspend)),
        Action::Redraw => effects.push(Effect::Errand(Errand::Redraw)),
        _ if state.overlay.is_some() => over(state, action, effects),
        // While a secret is typed, every key belongs to the form.
        _ if state.top.mode() == Mode::Secret => on_screen(state, action, effects),
        Action::Palette => {
            let palette = Palette::new(menu::items(state));
            state.overlay = Some(Box::new(Overlay::Palette(palette)));
        }
        Action::Help => {
            let page = {
                let facts = state.facts();
                Pager::help(state.top.mode(), &state.top.title(&facts), &facts)
            };
            state.overlay = Some(Box::new(Overlay::Pager(page)));
        }
        Action::Filter => {
            if let Some(filter) = state.top.filter() {
                let prompt = Prompt::filter(&filter.typed);
                state.overlay = Some(Box::new(Overlay::Prompt(prompt)));
            }
        }
        Action::Back | Action::Quit => leave(state, action, effects),
        Action::Earlier | Action::Later | Action::Last if state.top.dirty() => {
            state
                .say(Label::Notice, "what was typed is not sealed yet: ctrl-s shows the plan, esc leaves it");
        }
        Action::Earlier => travel(state, false, effects),
        Action::Later => travel(state, true, effects),
        Action::Last => last(state, effects),
        Action::Refresh => {
            state.on_top(|screen, facts| screen.arrange(facts, true));
            state.say(Label::Muted, "reading git and cluster again");
            effects.push(Effect::Refresh);
        }
        action => on_screen(state, action, effects),
    }
}

fn on_screen(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let steps = state.on_top(|screen, facts| screen.act(action, facts));
    take(state, steps, effects);
}

fn over(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let Some(mut overlay) = state.overlay.take() else {
        return;
    };
    let outcome = overlay.act(action, &state.facts());
    let steps = match outcome {
        Outcome::Stay(steps) => {
            state.overlay = Some(overlay);
            steps
        }
        Outcome::Close(steps) => steps,
    };
    take(state, steps, effects);
}

/// Esc takes back the filter first; `q` at Home quits, esc never does.
fn leave(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let filtered = state.top.filter().is_some_and(|f| !f.is_empty());
    if action == Action::Back && filtered {
        return take(state, vec![Step::Filter(String::new())], effects);
    }
    let own = state.on_top(|screen, facts| screen.act(action, facts));
    if !own.is_empty() {
        return take(state, own, effects);
    }
    if !state.below.is_empty() {
        return take(state, vec![Step::Leave], effects);
    }
    if action == Action::Quit {
        state.ending = Some(Ending::Quit);
    }
}

/// Carries out what screens and overlays ask for.
fn take(state: &mut State, steps: Vec<Step>, effects: &mut Vec<Effect>) {
    let mut queue = VecDeque::from(steps);
    while let Some(step) = queue.pop_front() {
        let more = one(state, step, effects);
        for step in more.into_iter().rev() {
            queue.push_front(step);
        }
    }
}

fn one(state: &mut State, step: Step, effects: &mut Vec<Effect>) -> Vec<Step> {
    match step {
        Step::Open(screen) => {
            remember(state);
            let before = std::mem::replace(&mut state.top, screen);
            state.below.push(before);
            return entered(state);
        }
        Step::Replace(screen) => {
            state.top = screen;
            return entered(state);
        }
        Step::Leave => {
            remember(state);
            if let Some(screen) = state.below.pop() {
                state.top = screen;
            }
            return entered(state);
        }
        Step::Top => {
            remember(state);
            state.top = Box::new(Home::default());
            state.below.clear();
            return entered(state);
        }
        Step::Go(route) => return vec![Step::Open(build(&route))],
        Step::Ask(question) => ask(state, question, effects),
        Step::Do(deed) => {
            let generation = next(state, Slot::Write);
            effects.push(Effect::Do { generation, deed });
        }
        Step::Cancel(slot) => {
            next(state, slot);
            effects.push(Effect::Cancel(slot));
        }
        Step::Show(overlay) => state.overlay = Some(overlay),
        Step::Say(label, text) => state.say(label, text),
        Step::Copy(text) => {
            state.say(Label::Muted, format!("copied {text}"));
            effects.push(Effect::Copy(text));
        }
        Step::Edit(place) => edit(state, &place, effects),
        Step::EditOpened { file, folder } => return edit_opened(state, &file, &folder, effects),
        Step::K9s(id) => k9s(state, &id, effects),
        Step::Filter(typed) => {
            let filter = Filter::parse(&typed);
            state.on_top(|screen, facts| screen.set_filter(filter, facts));
        }
        Step::Given(given) => return state.on_top(|screen, facts| screen.given(given, facts)),
        Step::Choose(choice) => return choose(state, choice, effects),
    }
    vec![]
}

fn entered(state: &mut State) -> Vec<Step> {
    state.on_top(|screen, facts| {
        let steps = screen.open(facts);
        screen.settle(facts);
        steps
    })
}

fn next(state: &mut State, slot: Slot) -> u64 {
    state.counter += 1;
    state.generations.insert(slot, state.counter);
    state.counter
}

fn ask(state: &mut State, question: Question, effects: &mut Vec<Effect>) {
    let generation = next(state, question.slot());
    effects.push(Effect::Ask { generation, question });
}

fn choose(state: &mut State, choice: Choice, effects: &mut Vec<Effect>) -> Vec<Step> {
    match choice {
        Choice::Act(action) => {
            act(state, action, effects);
            vec![]
        }
        Choice::Go(Route::Home) => vec![Step::Top],
        Choice::Go(route) => vec![Step::Go(route)],
        Choice::TakeBack => vec![Step::Show(Box::new(Overlay::Confirm(menu::take_back(state))))],
        Choice::Push => vec![Step::Show(Box::new(Overlay::Confirm(menu::push(state))))],
        Choice::HideTour => {
            state.tour_hidden = true;
            vec![]
        }
        Choice::Context(environment) => menu::choose_cluster(state, &environment),
        Choice::Unlock(source) => vec![Step::Show(Box::new(Overlay::Unlock(Unlock::new(source))))],
        Choice::Plugin(program) => vec![Step::Show(Box::new(Overlay::Confirm(menu::plugin(&program))))],
    }
}

/// Where one is, as routes. Screens without one (a plan) end the trail.
fn trail(state: &State) -> Vec<Route> {
    state.below.iter().chain([&state.top]).map_while(|screen| screen.route()).collect()
}

fn remember(state: &mut State) {
    let here = trail(state);
    if state.past.last() != Some(&here) {
        state.past.push(here);
    }
    if state.past.len() > TRAILS {
        state.past.remove(0);
    }
    state.future.clear();
}

fn travel(state: &mut State, forward: bool, effects: &mut Vec<Effect>) {
    let here = trail(state);
    let from = if forward { &mut state.future } else { &mut state.past };
    let Some(mut there) = from.pop() else {
        let text = if forward { "this is the newest view" } else { "this is the first view" };
        return state.say(Label::Muted, text);
    };
    if there == here {
        there = from.pop().unwrap_or(there);
    }
    let to = if forward { &mut state.past } else { &mut state.future };
    to.push(here);
    restore(state, &there, effects);
}

/// The last view and back: the two change places.
fn last(state: &mut State, effects: &mut Vec<Effect>) {
    let here = trail(state);
    if let Some(there) = state.past.pop() {
        state.past.push(here);
        restore(state, &there, effects);
    }
}

fn restore(state: &mut State, routes: &[Route], effects: &mut Vec<Effect>) {
    let mut screens: Vec<Box<dyn Screen>> = routes.iter().map(build).collect();
    state.top = screens.pop().unwrap_or_else(|| Box::new(Home::default()));
    state.below = screens;
    let steps = entered(state);
    take(state, steps, effects);
}

fn build(route: &Route) -> Box<dyn Screen> {
    use super::screen::{commits, details, history, logs, seal, secrets, tree};
    match route {
        Route::Home => Box::new(Home::default()),
        Route::Tree(scope) => Box::new(tree::Tree::new(scope.clone())),
        Route::Details(id, tab) => Box::new(details::DetailsScreen::new(id.clone(), *tab)),
        Route::History(id) => Box::new(history::HistoryScreen::new(id.clone())),
        Route::Commits(with) => Box::new(commits::Commits::new(with.clone())),
        Route::Secrets(scope) => Box::new(secrets::Secrets::new(scope.clone())),
        Route::Form(file) => Box::new(seal::Form::new(file)),
        Route::Logs(id) => Box::new(logs::Logs::new(id.clone())),
    }
}

fn edit(state: &mut State, place: &Place, effects: &mut Vec<Effect>) {
    let Some((program, arguments)) = state.editor.split_first() else {
        return state.say(Label::Notice, "no editor is set: EDITOR or VISUAL names one");
    };
    let mut arguments = arguments.to_vec();
    // `+LINE` is understood by vi, vim, nvim, nano, emacs, micro, kakoune; others read `file:line`.
    match program.rsplit('/').next().unwrap_or_default() {
        "code" | "codium" | "zed" | "subl" | "hx" | "helix" => {
            arguments.push(format!("{}:{}", place.file, place.line.max(1)));
        }
        _ => arguments.extend([format!("+{}", place.line.max(1)), place.file.to_string()]),
    }
    let folder = state.snapshot.repo.path.to_string();
    effects.push(Effect::Errand(Errand::Run {
        program: program.clone(),
        arguments,
        folder,
        temporary: None,
    }));
}

/// Opened text goes to the editor of secrets, which keeps what it writes beside it.
fn edit_opened(state: &mut State, file: &Path, folder: &Path, effects: &mut Vec<Effect>) -> Vec<Step> {
    let Some((program, arguments)) = editor_command(&state.secret_editor, file) else {
        state.say(Label::Notice, "no editor is set: SOPS_EDITOR, VISUAL or EDITOR names one");
        return vec![Step::Given(Given::EditDropped)];
    };
    let folder = folder.display().to_string();
    let errand = Errand::Run { program, arguments, folder: folder.clone(), temporary: Some(folder) };
    effects.push(Effect::Errand(errand));
    vec![]
}

fn k9s(state: &mut State, id: &ObjectId, effects: &mut Vec<Effect>) {
    let context = state.snapshot.environments.iter().find(|e| e.name == id.environment);
    let mut arguments: Vec<String> = vec!["--readonly".into()];
    if let Some(context) = context.and_then(|e| e.context.as_ref()) {
        arguments.extend(["--context".into(), context.to_string()]);
    }
    if !id.key.namespace.is_empty() {
        arguments.extend(["--namespace".into(), id.key.namespace.to_string()]);
    }
    arguments.extend(["--command".into(), id.key.kind.to_lowercase()]);
    let folder = state.snapshot.repo.path.to_string();
    effects.push(Effect::Errand(Errand::Run { program: "k9s".into(), arguments, folder, temporary: None }));
}

fn publish(state: &mut State, snapshot: Arc<Snapshot>, effects: &mut Vec<Effect>) {
    let before = std::mem::replace(&mut state.snapshot, snapshot);
    let steps = state.on_top(|screen, facts| screen.refresh(&before, facts));
    take(state, steps, effects);
    ask_for_clusters(state, effects);
}

/// A cluster that was never chosen is asked for once, at Home, when nothing else is open.
fn ask_for_clusters(state: &mut State, effects: &mut Vec<Effect>) {
    if state.overlay.is_some() || state.top.mode() != Mode::Home || !state.below.is_empty() {
        return;
    }
    let open = state.snapshot.environments.iter().find(|e| {
        matches!(&e.cluster, ClusterView::Unchosen { contexts, .. } if !contexts.is_empty())
            && !state.asked.contains(&e.name)
    });
    if let Some(name) = open.map(|e| e.name.clone()) {
        let steps = menu::choose_cluster(state, &name);
        state.asked.push(name);
        take(state, steps, effects);
    }
}

fn take_reply(state: &mut State, reply: Reply, effects: &mut Vec<Effect>) {
    let current = state.generations.get(&reply.slot) == Some(&reply.generation);
    if !current && reply.slot != Slot::Write {
        return;
    }
    let snapshot = Arc::clone(&state.snapshot);
    let body = state.facts().body;
    let facts = Facts { snapshot: &snapshot, now: state.now, look: state.look, body };
    let mut screens = std::iter::once(&mut state.top).chain(state.below.iter_mut().rev());
    let waiting = screens.find(|screen| screen.awaits(reply.slot));
    let steps = match waiting {
        Some(screen) => screen.accept(reply.answer, &facts),
        None => written(reply.answer, &snapshot),
    };
    take(state, steps, effects);
}

/// What is said about a deed that no screen waits for.
fn written(answer: Answer, snapshot: &Snapshot) -> Vec<Step> {
    let failed = |problem: Problem| vec![Step::Show(Box::new(Overlay::Confirm(Confirm::told(&problem))))];
    match answer {
        Answer::TakenBack(Ok(commit)) => {
            vec![Step::Say(Label::Good, format!("took back {} \"{}\"", commit.id.short(), commit.subject))]
        }
        Answer::Committed(Ok(done)) => {
            vec![Step::Say(Label::Good, format!("committed {} to {}", done.commit.id.short(), done.branch))]
        }
        Answer::Pushed(Ok(PushOutcome::Pushed { commits, to })) => {
            vec![Step::Say(Label::Good, format!("pushed {} to {to}", words::count(commits, "commit")))]
        }
        Answer::Pushed(Ok(PushOutcome::Moved { theirs, plan })) => {
            vec![Step::Open(Box::new(super::screen::plan::PlanScreen::moved(&theirs, *plan)))]
        }
        Answer::Chosen(Ok(())) => {
            vec![Step::Say(Label::Good, format!("connecting; {} is read", snapshot.repo.name))]
        }
        Answer::Keys(Ok(())) => vec![Step::Say(Label::Good, "what it opens is read".into())],
        Answer::TakenBack(Err(problem))
        | Answer::Keys(Err(problem))
        | Answer::Committed(Err(problem))
        | Answer::Pushed(Err(problem))
        | Answer::Chosen(Err(problem)) => failed(problem),
        _ => vec![],
    }
}

fn mouse(state: &mut State, event: MouseEvent, effects: &mut Vec<Effect>) {
    match event.kind {
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
            let down = event.kind == MouseEventKind::ScrollDown;
            let typing = matches!(mode(state), Mode::Text | Mode::Secret | Mode::Confirm);
            for _ in 0..if typing { 0 } else { 3 } {
                act(state, if down { Action::Down } else { Action::Up }, effects);
            }
        }
        MouseEventKind::Down(MouseButton::Left) if state.overlay.is_none() => {
            click(state, event.column, event.row, effects);
        }
        _ => {}
    }
}

fn click(state: &mut State, x: u16, y: u16, effects: &mut Vec<Effect>) {
    let areas = draw::areas(state.size, state.tour_line().is_some());
    if areas.counters.contains((x, y).into()) {
        if let Some(number) = draw::counter_at(state, x) {
            act(state, Action::Counter(number), effects);
        }
    } else if areas.body.contains((x, y).into()) {
        let (x, y) = (x - areas.body.x, y - areas.body.y);
        if state.on_top(|screen, facts| screen.click(x, y, facts)) {
            act(state, Action::Enter, effects);
        }
    } else if areas.keys.contains((x, y).into())
        && let Some(action) = draw::key_at(state, x)
    {
        act(state, action, effects);
    }
}
