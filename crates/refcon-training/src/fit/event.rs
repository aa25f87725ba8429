//! What a training has to say while it runs.

/// What happens while it trains, for people.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step was done.
    Step {
        /// Steps done.
        step: u64,
        /// Steps in all, if no validation ends it early.
        of: u64,
        /// The step's loss.
        loss: f64,
        /// Its learning rate.
        learning_rate: f64,
    },
    /// The task has something to say.
    Message(&'a str),
    /// An epoch ended.
    Epoch {
        /// Epochs done.
        epoch: u64,
        /// Epochs at most.
        of: u64,
        /// Mean loss of its batches.
        loss: f64,
        /// Learning rate of its last step.
        learning_rate: f64,
        /// Measures of its validation, if there was one.
        measures: &'a [(String, f64)],
        /// Whether these are the best weights so far.
        best: bool,
    },
}

impl Event<'_> {
    /// A line for people; none for a single step.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        match self {
            Event::Step { .. } => None,
            Event::Message(text) => Some((*text).to_owned()),
            Event::Epoch { epoch, of, loss, learning_rate, measures, best } => {
                let measures: String = measures
                    .iter()
                    .map(|(name, value)| format!("  {} {value:.4}", name.trim_start_matches("validation/")))
                    .collect();
                let star = if *best { "  (best)" } else { "" };
                Some(format!("epoch {epoch}/{of}  loss {loss:.4}  rate {learning_rate:.2e}{measures}{star}"))
            }
        }
    }
}
