//! The terminal: taken, lent to an editor, and always given back.

use super::effect::Errand;
use super::input::{self, Late};
use super::state::State;
use super::theme::Colours;
use super::{Error, Face, Signal, draw, secret_input};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture, Event, EventStream,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use futures::stream::{BoxStream, StreamExt as _};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How long the terminal may take to say which colour its background has.
const PATIENCE: Duration = Duration::from_millis(50);

type Hook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// The terminal while it is ours. Dropping it gives it back.
pub(crate) struct Surface {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    taken: Arc<AtomicBool>,
    mouse: bool,
    before: Hook,
    typed: Vec<Event>,
}

impl Surface {
    /// Takes the terminal. Reports of threads that die go to `crash`.
    pub(crate) fn enter(crash: mpsc::UnboundedSender<String>, mouse: bool) -> Result<Self, Error> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err(Error::NotATerminal);
        }
        let taken = Arc::new(AtomicBool::new(false));
        let before = watch_panics(&taken, crash);
        take(&taken, mouse)?;
        let terminal = Terminal::new(paper())?;
        Ok(Self { terminal, taken, mouse, before, typed: vec![] })
    }

    /// Columns and lines.
    pub(crate) fn size(&self) -> (u16, u16) {
        self.terminal.size().map_or((80, 24), |size| (size.width, size.height))
    }

    /// Asks the terminal for its background. Dark if it does not say in time.
    pub(crate) fn ask_colours(&mut self) -> Colours {
        let answer = ask_background().unwrap_or_default();
        self.typed = input::typed_meanwhile(&answer);
        if input::is_light(&answer) == Some(true) { Colours::Light } else { Colours::Dark }
    }

    /// Takes the terminal again, with nothing on it.
    fn again(&mut self) -> io::Result<()> {
        // The shell may have put its own mode back behind our back; crossterm would not set ours twice.
        disable_raw_mode()?;
        take(&self.taken, self.mouse)?;
        self.terminal = Terminal::new(paper())?;
        Ok(())
    }

    async fn run(
        &mut self,
        program: String,
        arguments: Vec<String>,
        folder: String,
        temporary: Option<String>,
    ) -> io::Result<Option<String>> {
        give_back(&self.taken);
        let name = program.clone();
        let ended = tokio::task::spawn_blocking(move || {
            let mut command = std::process::Command::new(program);
            for name in ["TMPDIR", "TMP", "TEMP"] {
                command.envs(temporary.iter().map(|folder| (name, folder)));
            }
            command.args(arguments).current_dir(folder).status()
        })
        .await;
        self.again()?;
        Ok(match ended {
            Ok(Ok(status)) if status.success() => None,
            Ok(Ok(status)) => Some(format!("{name} ended with {status}")),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                Some(format!("{name} is not installed"))
            }
            Ok(Err(error)) => Some(format!("cannot run {name}: {error}")),
            Err(_) => Some(format!("{name} could not be waited for")),
        })
    }
}

impl Face for Surface {
    fn draw(&mut self, state: &State) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| draw::draw(state, frame))?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    fn input(&mut self) -> BoxStream<'static, Event> {
        let mut late = Late::default();
        let typed = futures::stream::iter(std::mem::take(&mut self.typed));
        // A read error is the end of input: the terminal is gone.
        let events = EventStream::new()
            .take_while(|event| std::future::ready(event.is_ok()))
            .filter_map(|event| std::future::ready(event.ok()))
            .filter(move |event| std::future::ready(!late.takes(event)));
        typed.chain(events).boxed()
    }

    fn secret_input(&mut self) -> io::Result<BoxStream<'static, Event>> {
        secret_input::events()
    }

    async fn errand(&mut self, errand: Errand) -> io::Result<Option<String>> {
        match errand {
            Errand::Run { program, arguments, folder, temporary } => {
                return self.run(program, arguments, folder, temporary).await;
            }
            Errand::Suspend => {
                give_back(&self.taken);
                stop();
                self.again()?;
            }
            Errand::Redraw => self.again()?,
            Errand::Clipboard(text) => {
                execute!(io::stdout(), crossterm::style::Print(clipboard_sequence(&text)))?;
            }
        }
        Ok(None)
    }
}

impl Drop for Surface {
    fn drop(&mut self) {
        give_back(&self.taken);
        if !std::thread::panicking() {
            let before = Arc::clone(&self.before);
            std::panic::set_hook(Box::new(move |info| before(info)));
        }
    }
}

/// A frame is collected and written at once; line by line it would be seen in pieces.
fn paper() -> CrosstermBackend<BufWriter<Stdout>> {
    CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, io::stdout()))
}

fn take(taken: &AtomicBool, mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    taken.store(true, Ordering::SeqCst);
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange,
        cursor::Hide,
        crossterm::terminal::Clear(crossterm::terminal::ClearType::All)
    )?;
    if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
}

/// Gives the terminal back. Doing it twice is harmless, and a terminal that is gone is no reason to fail.
fn give_back(taken: &AtomicBool) {
    if taken.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// A panic of this thread gives the terminal back and is printed; a panic elsewhere must not touch the
/// terminal that this thread is still drawing on, so it is only reported. (`ratatui::init` gets this wrong.)
fn watch_panics(taken: &Arc<AtomicBool>, crash: mpsc::UnboundedSender<String>) -> Hook {
    let before: Hook = Arc::from(std::panic::take_hook());
    let (taken, ours, chained) = (Arc::clone(taken), std::thread::current().id(), Arc::clone(&before));
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == ours {
            give_back(&taken);
            chained(info);
        } else if crash.send(report(info)).is_err() {
            chained(info);
        }
    }));
    before
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
    let what = info.payload_as_str().unwrap_or("no message");
    format!("{what} at {place}")
}

/// The signals that the loop heeds, as they come.
pub(crate) fn signals() -> io::Result<BoxStream<'static, Signal>> {
    let stop = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
    let go_on = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
    let kinds = [
        (SignalKind::terminate(), Signal::Terminate),
        (SignalKind::hangup(), Signal::Terminate),
        (SignalKind::interrupt(), Signal::Interrupt),
        (stop, Signal::Suspend),
        (go_on, Signal::Continue),
    ];
    let mut all = futures::stream::SelectAll::new();
    for (kind, meaning) in kinds {
        let heard = signal(kind)?;
        all.push(
            futures::stream::unfold(heard, move |mut heard| async move {
                heard.recv().await.map(|()| (meaning, heard))
            })
            .boxed(),
        );
    }
    let window = signal(SignalKind::window_change())?;
    let resized = futures::stream::unfold(window, |mut window| async move {
        window.recv().await.map(|()| (crossterm::terminal::size(), window))
    });
    let known = resized.filter_map(|size| std::future::ready(size.ok()));
    all.push(known.map(|(width, height)| Signal::Resized(width, height)).boxed());
    Ok(all.boxed())
}

/// Stops this process until it is continued. STOP and not TSTP: the shell sees a stopped job, and our own
/// handler is not called again.
pub(crate) fn stop() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    // With several threads the signal may reach this one a moment later; it must not go on before.
    std::thread::sleep(Duration::from_millis(50));
}

/// Milliseconds since 1970.
pub(crate) fn wall_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// CPU time of the calling thread.
pub(crate) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
}

/// Asks for the background (OSC 11) and reads what comes within [`PATIENCE`].
fn ask_background() -> io::Result<Vec<u8>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut out = io::stdout();
    out.write_all(b"\x1b]11;?\x1b\\")?;
    out.flush()?;
    let stdin = rustix::stdio::stdin();
    let begun = Instant::now();
    let mut answer = vec![];
    while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
        if poll(&mut polled, Some(&wait))? == 0 {
            break;
        }
        let mut buffer = [0; 256];
        let read = rustix::io::read(stdin, &mut buffer)?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
        if answer.contains(&7) || answer.ends_with(b"\x1b\\") {
            break;
        }
    }
    Ok(answer)
}

/// OSC 52: the terminal puts the text into its clipboard.
fn clipboard_sequence(text: &str) -> String {
    use base64::Engine as _;
    format!("\x1b]52;c;{}\x07", base64::engine::general_purpose::STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clipboard_sequence_is_osc_52() {
        assert_eq!(clipboard_sequence("cart"), "\x1b]52;c;Y2FydA==\x07");
    }

    #[test]
    fn giving_back_what_was_not_taken_does_nothing() {
        let taken = AtomicBool::new(false);
        give_back(&taken);
        assert!(!taken.load(Ordering::SeqCst));
    }

    #[test]
    fn thread_time_grows_with_work() {
        let before = thread_time();
        let mut sum = 0_u64;
        while thread_time() == before {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(thread_time() > before);
    }
}
