//! Effects: what the screen asks of the world, and the one place that does it.

use super::{Error, Opened};
use crate::model::{Commit, CommitId, Problem};
use crate::secret::SecretText;
use crate::workspace::{
    Begun, Committed, Destination, Details, Edited, Editing, FieldChange, FileEdit, History, KeyEdit,
    LogLine, ObjectId, Plan, PushOutcome, Refusal, ScratchPlaces, SecretForm, Workspace,
};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where an answer belongs. Asking again in a slot makes the question before it void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    Details,
    History,
    Compare,
    Commits,
    Logs,
    Form,
    Reveal,
    Editor,
    Plan,
    Write,
}

/// What is read. Questions can be cancelled.
pub(crate) enum Question {
    Details(ObjectId),
    History(ObjectId),
    Compare(ObjectId, CommitId),
    Commits(usize),
    Logs(ObjectId),
    Form(String),
    Reveal {
        file: String,
        key: String,
    },
    Revert(Vec<CommitId>),
    Seal {
        file: String,
        edits: Vec<KeyEdit>,
    },
    Reseal(Vec<String>),
    /// A sealed file into another.
    Copy {
        from: String,
        file: String,
    },
    /// A Secret of the cluster, `NAMESPACE/NAME`, into a file.
    FromLive {
        environment: Arc<str>,
        live: String,
        file: String,
    },
    /// The text of a sealed file for an editor.
    BeginEdit {
        file: String,
        on_disk: bool,
    },
    /// What the editor left.
    FinishEdit(Box<Editing>),
}

/// What is done. Deeds are never cancelled, and waited for at the end.
pub(crate) enum Deed {
    Commit { plan: Box<Plan>, to: Destination },
    Push,
    TakeBack,
    Context { environment: Arc<str>, context: Arc<str> },
    Consent { environment: Arc<str> },
    Unlock { source: Arc<str>, passphrase: SecretText },
    Agree { program: Arc<str> },
}

/// What came of a question or a deed.
pub(crate) enum Answer {
    Details(Result<Box<Details>, Problem>),
    History(Result<History, Problem>),
    Compare(Result<Vec<FieldChange>, Problem>),
    Commits(Result<Vec<Commit>, Problem>),
    LogLines(Vec<LogLine>),
    LogEnd(Option<Problem>),
    Form(Result<SecretForm, Problem>),
    Reveal(Result<SecretText, Problem>),
    Begun(Result<Begun, Problem>),
    Edited(Result<Edited, Problem>),
    Plan(Result<Box<Plan>, Box<Refusal>>),
    Committed(Result<Committed, Problem>),
    Pushed(Result<PushOutcome, Problem>),
    TakenBack(Result<Commit, Problem>),
    Chosen(Result<(), Problem>),
    Keys(Result<(), Problem>),
}

/// An answer with the question it belongs to.
pub(crate) struct Reply {
    pub slot: Slot,
    pub generation: u64,
    pub answer: Answer,
}

/// What the loop does itself, because it owns the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Gives the terminal to a program and takes it back. What the program keeps for the time being is to lie in
    /// `temporary`, where the system's own folder will not do.
    Run { program: String, arguments: Vec<String>, folder: String, temporary: Option<String> },
    /// Stops the process until it is continued.
    Suspend,
    /// Draws everything again.
    Redraw,
    /// Puts a name into the clipboard through the terminal (OSC 52).
    Clipboard(String),
}

/// What `update` wants.
pub(crate) enum Effect {
    Ask { generation: u64, question: Question },
    Do { generation: u64, deed: Deed },
    Cancel(Slot),
    Refresh,
    Copy(String),
    Errand(Errand),
}

/// Who carries out effects. The real one is [`Hands`]; tests answer by themselves.
pub(crate) trait Carry {
    /// Starts an effect; answers come back through the channel it was made with.
    fn start(&mut self, effect: Effect);
    /// Effects can be carried out from now on; those that were asked for already are. `keeps` lives on beside them.
    fn begin(&mut self, workspace: Workspace, keeps: Option<Box<dyn Send>>);
    /// Waits for what must not be cut off.
    fn finish(&mut self) -> impl Future<Output = ()> + Send;
}

/// What comes back from effects.
pub(crate) enum Back {
    Reply(Reply),
    /// There is no clipboard here: the terminal has to do it.
    NoClipboard(String),
    /// What the screen looks at is open, or cannot be opened.
    Opened(Box<Result<Opened, Error>>),
}

impl Question {
    pub(crate) fn slot(&self) -> Slot {
        match self {
            Self::Details(_) => Slot::Details,
            Self::History(_) => Slot::History,
            Self::Compare(..) => Slot::Compare,
            Self::Commits(_) => Slot::Commits,
            Self::Logs(_) => Slot::Logs,
            Self::Form(_) => Slot::Form,
            Self::Reveal { .. } => Slot::Reveal,
            Self::BeginEdit { .. } | Self::FinishEdit(_) => Slot::Editor,
            Self::Revert(_)
            | Self::Seal { .. }
            | Self::Reseal(_)
            | Self::Copy { .. }
            | Self::FromLive { .. } => Slot::Plan,
        }
    }
}

/// Carries effects out over a workspace; until there is one, what is asked waits.
pub(crate) struct Hands {
    /// With what holds the things that it reads.
    opened: Option<(Workspace, Option<Box<dyn Send>>)>,
    waiting: Vec<Effect>,
    back: mpsc::Sender<Back>,
    running: HashMap<Slot, CancellationToken>,
    writers: TaskTracker,
    clipboard: mpsc::Sender<String>,
}

impl Hands {
    pub(crate) fn new(back: mpsc::Sender<Back>, remote: bool) -> Self {
        let (clipboard, copies) = mpsc::channel(4);
        tokio::task::spawn_blocking({
            let back = back.clone();
            move || keep_clipboard(copies, &back, remote)
        });
        Self {
            opened: None,
            waiting: Vec::new(),
            back,
            running: HashMap::new(),
            writers: TaskTracker::new(),
            clipboard,
        }
    }

    fn cancel(&mut self, slot: Slot) {
        if let Some(token) = self.running.remove(&slot) {
            token.cancel();
        }
    }

    fn ask(&mut self, workspace: Workspace, generation: u64, question: Question) {
        let slot = question.slot();
        self.cancel(slot);
        let cancel = CancellationToken::new();
        self.running.insert(slot, cancel.clone());
        let back = self.back.clone();
        tokio::spawn(async move {
            let answered = async {
                if let Question::Logs(id) = question {
                    follow(&workspace, &id, &cancel, generation, &back).await;
                } else {
                    let answer = answer(&workspace, question, &cancel).await;
                    // The screen may be gone; then nobody waits for the answer.
                    let _ = back.send(Back::Reply(Reply { slot, generation, answer })).await;
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = answered => {}
            }
        });
    }

    fn act(&self, workspace: Workspace, generation: u64, deed: Deed) {
        let back = self.back.clone();
        self.writers.spawn(async move {
            let answer = match deed {
                Deed::Commit { plan, to } => Answer::Committed(workspace.commit(*plan, to).await),
                Deed::Push => Answer::Pushed(workspace.push().await),
                Deed::TakeBack => Answer::TakenBack(workspace.take_back().await),
                Deed::Context { environment, context } => {
                    Answer::Chosen(workspace.choose_context(&environment, &context).await)
                }
                Deed::Consent { environment } => Answer::Chosen(workspace.consent(&environment).await),
                Deed::Unlock { source, passphrase } => {
                    Answer::Keys(workspace.unlock(&source, passphrase).await)
                }
                Deed::Agree { program } => Answer::Keys(workspace.agree(&program).await),
            };
            let _ = back.send(Back::Reply(Reply { slot: Slot::Write, generation, answer })).await;
        });
    }
}

impl Carry for Hands {
    fn start(&mut self, effect: Effect) {
        match (effect, self.opened.as_ref().map(|(workspace, _)| workspace.clone())) {
            (Effect::Ask { generation, question }, Some(workspace)) => {
                self.ask(workspace, generation, question);
            }
            (Effect::Do { generation, deed }, Some(workspace)) => self.act(workspace, generation, deed),
            (Effect::Refresh, Some(workspace)) => workspace.refresh(),
            (effect @ (Effect::Ask { .. } | Effect::Do { .. }), None) => self.waiting.push(effect),
            (Effect::Cancel(slot), _) => {
                self.waiting
                    .retain(|e| !matches!(e, Effect::Ask { question, .. } if question.slot() == slot));
                self.cancel(slot);
            }
            (Effect::Copy(text), _) => {
                // A full queue means that the clipboard hangs; then the terminal is asked instead.
                if let Err(error) = self.clipboard.try_send(text) {
                    let _ = self.back.try_send(Back::NoClipboard(error.into_inner()));
                }
            }
            // What is opened is read from the beginning; errands are the loop's.
            (Effect::Refresh, None) | (Effect::Errand(_), _) => {}
        }
    }

    fn begin(&mut self, workspace: Workspace, keeps: Option<Box<dyn Send>>) {
        self.opened = Some((workspace, keeps));
        for effect in std::mem::take(&mut self.waiting) {
            self.start(effect);
        }
    }

    async fn finish(&mut self) {
        for (_, token) in self.running.drain() {
            token.cancel();
        }
        self.writers.close();
        // Writers end by themselves; a push that hangs must not keep the shell from coming back.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), self.writers.wait()).await;
    }
}

async fn answer(workspace: &Workspace, question: Question, cancel: &CancellationToken) -> Answer {
    match question {
        Question::Details(id) => Answer::Details(workspace.details(&id).await.map(Box::new)),
        Question::History(id) => Answer::History(workspace.history(&id, cancel).await),
        Question::Compare(id, with) => Answer::Compare(workspace.compare(&id, with).await),
        Question::Commits(limit) => Answer::Commits(workspace.commits(limit).await),
        Question::Logs(_) => Answer::LogEnd(None),
        Question::Form(file) => Answer::Form(workspace.secret_form(&file).await),
        Question::Reveal { file, key } => Answer::Reveal(workspace.reveal(&file, &key).await),
        Question::Revert(commits) => Answer::Plan(workspace.plan_revert(&commits).await.map(Box::new)),
        Question::Seal { file, edits } => Answer::Plan(boxed(workspace.plan_seal(&file, edits).await)),
        Question::Reseal(files) => Answer::Plan(boxed(workspace.plan_reseal(&files).await)),
        Question::Copy { from, file } => {
            let edit = FileEdit::Copy { from, keys: vec![] };
            Answer::Plan(boxed(workspace.plan_seals(vec![file], edit).await))
        }
        Question::FromLive { environment, live, file } => {
            let made = workspace.plan_from_live(vec![file], Some(&environment), &live, vec![]);
            Answer::Plan(boxed(made.await))
        }
        Question::BeginEdit { file, on_disk } => {
            let places = ScratchPlaces::of_user(&|name| std::env::var(name).ok());
            Answer::Begun(workspace.begin_edit(&file, places, on_disk).await)
        }
        Question::FinishEdit(editing) => Answer::Edited(workspace.finish_edit(editing).await),
    }
}

fn boxed(plan: Result<Plan, Problem>) -> Result<Box<Plan>, Box<Refusal>> {
    plan.map(Box::new).map_err(|problem| Box::new(Refusal { problem, also: vec![] }))
}

/// Hands log lines on in bundles, so that a flood of them costs few turns of the loop.
async fn follow(
    workspace: &Workspace,
    id: &ObjectId,
    cancel: &CancellationToken,
    generation: u64,
    back: &mpsc::Sender<Back>,
) {
    let reply = |answer| Back::Reply(Reply { slot: Slot::Logs, generation, answer });
    let end = match workspace.logs(id, cancel).await {
        Err(problem) => Some(problem),
        Ok(mut lines) => {
            let mut bundle = Vec::new();
            while lines.recv_many(&mut bundle, 256).await > 0 {
                if back.send(reply(Answer::LogLines(std::mem::take(&mut bundle)))).await.is_err() {
                    return;
                }
            }
            None
        }
    };
    let _ = back.send(reply(Answer::LogEnd(end))).await;
}

/// Owns the clipboard as long as the screen lives: on X11 its content is gone with its owner.
fn keep_clipboard(mut texts: mpsc::Receiver<String>, back: &mpsc::Sender<Back>, remote: bool) {
    let mut clipboard = None;
    while let Some(text) = texts.blocking_recv() {
        if clipboard.is_none() && !remote {
            clipboard = arboard::Clipboard::new().ok();
        }
        let copied = clipboard.as_mut().is_some_and(|c| c.set_text(text.clone()).is_ok());
        if !copied {
            let _ = back.blocking_send(Back::NoClipboard(text));
        }
    }
}
