//! Ctrl-C and a polite kill: the first one asks to stop, a second one ends the program at once.

use crate::dashboard;
use crate::failure::Failure;
use refcon_training::fit::INTERRUPTED;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Set once the program is asked to stop; there from the first training on.
static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on an interrupt sets a flag, for all that the program still does: trainings look at it after every step, and
/// [`stop_if_asked`] does.
pub(crate) fn stop_on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    if let Some(stop) = STOP.get() {
        return Ok(Arc::clone(stop));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            end_at_once();
        }
        dashboard::say("stopping after this step; once more to stop at once");
    })
    .map_err(Failure::other)?;
    Ok(Arc::clone(STOP.get_or_init(|| stop)))
}

/// Fails where the program was asked to stop `what`.
pub(crate) fn stop_if_asked(what: &str) -> Result<(), Failure> {
    match STOP.get() {
        Some(stop) if stop.load(Ordering::Relaxed) => {
            Err(Failure::Interrupted(format!("interrupted while {what}")))
        }
        _ => Ok(()),
    }
}

/// Gives the terminal back and ends the program.
pub(crate) fn end_at_once() -> ! {
    dashboard::restore();
    std::process::exit(INTERRUPTED.into());
}
