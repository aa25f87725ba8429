//! The learning rate's course.

use crate::config::Schedule;
use std::f64::consts::PI;

/// What the schedule knows of the past: how often it was halved.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Plateau {
    /// Validations since the last improvement or halving.
    pub waiting: u64,
    /// How often the rate was halved.
    pub halvings: i32,
}

impl Plateau {
    /// Takes note of a validation.
    pub fn validated(&mut self, schedule: &Schedule, improved: bool) {
        let Schedule::HalveOnPlateau { patience } = schedule else { return };
        self.waiting = if improved { 0 } else { self.waiting + 1 };
        // As PyTorch's ReduceLROnPlateau: `patience` validations are forgiven, the next one is not.
        if self.waiting > *patience {
            self.waiting = 0;
            self.halvings += 1;
        }
    }
}

impl Schedule {
    /// Whether the rate has stopped rising by this step of `steps`.
    #[must_use]
    pub fn has_warmed_up(&self, step: u64, steps: u64) -> bool {
        match self {
            Self::WarmUpCosine { warm_up, .. } => step as f64 >= (steps as f64 * warm_up).round(),
            Self::Constant {} | Self::HalveOnPlateau { .. } => true,
        }
    }
}

/// The share of the learning rate at a step of `steps`.
#[must_use]
pub fn share(schedule: &Schedule, plateau: &Plateau, step: u64, steps: u64) -> f64 {
    match schedule {
        Schedule::Constant {} => 1.0,
        Schedule::HalveOnPlateau { .. } => 0.5f64.powi(plateau.halvings),
        Schedule::WarmUpCosine { warm_up, floor } => {
            let rising = (steps as f64 * warm_up).round();
            let at = step as f64;
            if at < rising {
                return (at + 1.0) / rising;
            }
            let falling = (steps as f64 - rising).max(1.0);
            let done = ((at - rising) / falling).min(1.0);
            floor + (1.0 - floor) * 0.5 * (1.0 + (PI * done).cos())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_halved_after_as_many_validations_without_improvement_as_allowed() {
        let schedule = Schedule::HalveOnPlateau { patience: 2 };
        let mut plateau = Plateau::default();
        let course: Vec<f64> = [true, false, false, false, false, true, false, false, false]
            .into_iter()
            .map(|improved| {
                plateau.validated(&schedule, improved);
                share(&schedule, &plateau, 0, 1)
            })
            .collect();
        assert_eq!(course, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn the_rate_rises_evenly_and_falls_to_the_floor_as_a_cosine() {
        let schedule = Schedule::WarmUpCosine { warm_up: 0.1, floor: 0.2 };
        let at = |step| share(&schedule, &Plateau::default(), step, 100);
        assert!((at(0) - 0.1).abs() < 1e-12 && (at(4) - 0.5).abs() < 1e-12 && (at(10) - 1.0).abs() < 1e-12);
        assert!((at(55) - 0.6).abs() < 1e-12 && (at(100) - 0.2).abs() < 1e-12);
    }
}
