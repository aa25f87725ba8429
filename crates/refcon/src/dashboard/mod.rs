//! A training on the terminal while it runs: curves, rate, time left, the best so far, messages.
//!
//! It lives on a thread of its own, which redraws a few times a second at most, and draws on standard error: the result on standard output
//! stays one. The terminal is given back however the training ends, by a panic too.

mod messages;
mod standing;
mod view;

pub(crate) use messages::{Log, say};
pub(crate) use standing::{Standing, Update};

use crate::interruption::end_at_once;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event as Input, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use refcon_training::fit::Event;
use std::io::{self, BufWriter, IsTerminal, Stderr};
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at the keyboard, and between two pictures.
const LOOK: Duration = Duration::from_millis(100);
const REDRAW: Duration = Duration::from_millis(300);

/// Whether the terminal is the dashboard's.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Whether standard error is a terminal that a dashboard can have: not one whose shell has put this program in the background.
pub(crate) fn possible() -> bool {
    io::stderr().is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        && in_foreground()
}

/// On Linux, whether the terminal's foreground processes are ours (proc(5): after the name stand state, parent, group, session,
/// terminal and the terminal's group); elsewhere taken for granted.
fn in_foreground() -> bool {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return true };
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    match (fields.get(2), fields.get(5)) {
        (Some(own), Some(foreground)) => own == foreground,
        _ => true,
    }
}

/// Gives the terminal back; harmless where nobody has it.
pub(crate) fn restore() {
    if ACTIVE.swap(false, Ordering::SeqCst) {
        // What fails here could not be told anywhere.
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

type Backend = CrosstermBackend<BufWriter<Stderr>>;

/// An update and when it was told: the dashboard looks at several at a time.
type Told = (Instant, Update);

/// The dashboard of a training. Dropping it gives the terminal back and says again what was said meanwhile.
#[derive(Debug)]
pub(crate) struct Dashboard {
    updates: Option<Sender<Told>>,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Dashboard {
    /// Takes the terminal. `stop` is set by q and Ctrl-C; a second one ends the program at once.
    pub(crate) fn open(standing: Standing, stop: Arc<AtomicBool>) -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        ACTIVE.store(true, Ordering::SeqCst);
        let terminal = opened().inspect_err(|_| restore())?;
        let (updates, received) = channel();
        messages::send_to(Some(updates.clone()));
        let thread = std::thread::spawn(move || live(terminal, standing, &received, &stop));
        Ok(Self { updates: Some(updates), thread: Some(thread) })
    }

    /// Shows what happened.
    pub(crate) fn tell(&self, event: &Event) {
        let update = match *event {
            Event::Step { step, of, loss, learning_rate } => Update::Step { step, of, loss, learning_rate },
            Event::Epoch { epoch, of, loss, measures, best, .. } => {
                Update::Epoch { epoch, of, loss, measures: measures.to_vec(), best }
            }
            Event::Message(text) => Update::Message(text.into()),
        };
        if let Some(updates) = &self.updates {
            // A dashboard that is gone stops nobody from training.
            let _ = updates.send((Instant::now(), update));
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        messages::send_to(None);
        self.updates = None;
        let said = self.thread.take().and_then(|thread| thread.join().ok());
        restore();
        for message in said.into_iter().flatten() {
            eprintln!("{message}");
        }
    }
}

fn opened() -> io::Result<Terminal<Backend>> {
    // Not every terminal has a second screen, so this one is cleared; `Terminal::clear` would ask for the cursor's place, which not every
    // terminal answers.
    execute!(io::stderr(), EnterAlternateScreen, Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(BufWriter::new(io::stderr())))
}

fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// Draws until the training has nothing more to tell. Gives the messages.
fn live(
    mut terminal: Terminal<Backend>,
    mut standing: Standing,
    received: &Receiver<Told>,
    stop: &AtomicBool,
) -> Vec<String> {
    let mut drawn: Option<Instant> = None;
    loop {
        loop {
            match received.try_recv() {
                Ok((told, update)) => standing.update(update, told),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return standing.messages.into(),
            }
        }
        standing.stopping = stop.load(Ordering::Relaxed);
        let due = drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        // After a panic the terminal is the user's again.
        if due && ACTIVE.load(Ordering::SeqCst) {
            let now = Instant::now();
            // A terminal that cannot be drawn on stops nobody from training.
            let _ = terminal.draw(|frame| view::draw(frame, &standing, now));
            drawn = Some(now);
        }
        match event::poll(LOOK) {
            Ok(true) => {
                if let Ok(input) = event::read() {
                    obey(&input, stop);
                }
            }
            Ok(false) => {}
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

fn obey(input: &Input, stop: &AtomicBool) {
    let Input::Key(key) = input else { return };
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let asked = interrupt || matches!(key.code, KeyCode::Char('q'));
    if key.kind == KeyEventKind::Press && asked && stop.swap(true, Ordering::Relaxed) {
        end_at_once();
    }
}
