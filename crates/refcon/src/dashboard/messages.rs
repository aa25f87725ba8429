//! Lines for people while a dashboard may have the terminal: to it if so, to standard error else.

use super::{Told, Update};
use std::io::{self, Write};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The dashboard that is open.
static DASHBOARD: Mutex<Option<Sender<Told>>> = Mutex::new(None);

/// From now on lines go there.
pub(super) fn send_to(dashboard: Option<Sender<Told>>) {
    *DASHBOARD.lock().unwrap_or_else(PoisonError::into_inner) = dashboard;
}

/// Says a line.
pub(crate) fn say(line: &str) {
    let dashboard = DASHBOARD.lock().unwrap_or_else(PoisonError::into_inner);
    let sent = dashboard.as_ref().is_some_and(|dashboard| dashboard.send(message(line)).is_ok());
    if !sent {
        eprintln!("{line}");
    }
}

fn message(line: &str) -> Told {
    (Instant::now(), Update::Message(line.into()))
}

/// Where log lines go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let dashboard = DASHBOARD.lock().unwrap_or_else(PoisonError::into_inner);
        match dashboard.as_ref() {
            Some(dashboard) => {
                for line in plain(&String::from_utf8_lossy(bytes)).lines() {
                    let _ = dashboard.send(message(line.trim()));
                }
                Ok(bytes.len())
            }
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The text without the sequences that colour it, which end with their first letter.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut coloured = text.split('\u{1b}');
    plain.push_str(coloured.next().unwrap_or_default());
    for part in coloured {
        let end = part.find(|letter: char| letter.is_ascii_alphabetic());
        plain.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("\u{1b}[33m WARN\u{1b}[0m a tile [1m]"), " WARN a tile [1m]");
    }

    #[test]
    fn a_log_line_goes_to_the_dashboard_while_there_is_one() {
        let (sender, received) = std::sync::mpsc::channel();
        send_to(Some(sender));
        writeln!(Log, "\u{1b}[33m WARN\u{1b}[0m careful").unwrap();
        say("and this");
        send_to(None);
        let said: Vec<Update> = received.try_iter().map(|(_, update)| update).collect();
        assert!(said.contains(&Update::Message("WARN careful".into())), "{said:?}");
        assert!(said.contains(&Update::Message("and this".into())), "{said:?}");
    }
}
