//! The measure that decides which weights of a run are the best.

use serde::{Deserialize, Serialize};

/// A measure of the validations, and which way is better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisive {
    /// The name that it is recorded under.
    pub measure: String,
    /// Whether a smaller value is better.
    pub smaller_is_better: bool,
}

impl Decisive {
    /// The better of two values; one that is not a number is never the better one.
    #[must_use]
    pub fn better(&self, one: f64, other: f64) -> f64 {
        if self.smaller_is_better { one.min(other) } else { one.max(other) }
    }
}
