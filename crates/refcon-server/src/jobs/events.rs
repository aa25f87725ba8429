//! A job as a stream of server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `progress` | the job without its log, whenever something of it changes |
//! | `log` | `{"line": …}`, a line of its log; the lines that were there before come first |
//! | `end` | the job without its log, once, last |

use super::{Job, Seen};
use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use serde_json::json;
use std::convert::Infallible;
use tokio::sync::{OwnedSemaphorePermit, watch};

struct Watching {
    changes: watch::Receiver<Seen>,
    /// Lines of the log that were sent, from the first that there ever was.
    sent_lines: u64,
    waiting: Vec<Event>,
    has_ended: bool,
    _permit: OwnedSemaphorePermit,
}

/// Everything that happens to a job, from its beginning to its end.
pub(super) fn of(
    job: &Job,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let mut changes = job.seen.subscribe();
    // What there is now is the first change.
    changes.mark_changed();
    let watching =
        Watching { changes, sent_lines: 0, waiting: Vec::new(), has_ended: false, _permit: permit };
    stream::unfold(watching, async |mut watching| {
        loop {
            if let Some(event) = watching.waiting.pop() {
                return Some((Ok(event), watching));
            }
            if watching.has_ended || watching.changes.changed().await.is_err() {
                return None;
            }
            watching.collect();
        }
    })
}

impl Watching {
    /// Puts what has changed into `waiting`, the last to be sent first.
    fn collect(&mut self) {
        let Seen { mut view, lines_lost } = self.changes.borrow_and_update().clone();
        let log = std::mem::take(&mut view.log);
        let already = usize::try_from(self.sent_lines.saturating_sub(lines_lost)).unwrap_or(usize::MAX);
        let event = |kind: &str, data: String| Event::default().event(kind).data(data);
        let mut events: Vec<Event> =
            log.iter().skip(already).map(|line| event("log", text_of(&json!({ "line": line })))).collect();
        self.sent_lines = lines_lost + log.len() as u64;
        self.has_ended = view.status.is_end();
        events.push(event(if self.has_ended { "end" } else { "progress" }, text_of(&view)));
        events.reverse();
        self.waiting = events;
    }
}

fn text_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
