//! How a training stands, as the dashboard shows it.

use refcon_training::runs::{Decisive, Record};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Points of a curve that are kept; past twice as many, neighbours become their mean.
const KEPT_POINTS: usize = 512;

/// Steps that the rate is measured over, at most.
const RATE_STEPS: usize = 64;

/// Messages that are kept.
const KEPT_MESSAGES: usize = 200;

/// What the training tells the dashboard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Update {
    /// A step was done.
    Step { step: u64, of: u64, loss: f64, learning_rate: f64 },
    /// An epoch ended.
    Epoch { epoch: u64, of: u64, loss: f64, measures: Vec<(String, f64)>, best: bool },
    /// Somebody has something to say.
    Message(String),
}

/// A curve of few enough points to be drawn again and again.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    pub(super) points: Vec<(f64, f64)>,
    /// Numbers that make a point.
    together: usize,
    /// Those of the next point: steps, values, how many.
    open: (f64, f64, usize),
}

impl Curve {
    /// Adds a number; one that is not finite cannot be drawn and is left out.
    pub(super) fn add(&mut self, step: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.open = (self.open.0 + step as f64, self.open.1 + value, self.open.2 + 1);
        if self.open.2 < self.together {
            return;
        }
        let (steps, values, count) = std::mem::take(&mut self.open);
        self.points.push((steps / count as f64, values / count as f64));
        if self.points.len() >= 2 * KEPT_POINTS {
            let mean = |pair: &[(f64, f64)]| {
                (f64::midpoint(pair[0].0, pair[1].0), f64::midpoint(pair[0].1, pair[1].1))
            };
            self.points = self.points.as_chunks::<2>().0.iter().map(|pair| mean(pair)).collect();
            self.together = 2 * self.together.max(1);
        }
    }
}

/// A measure of the validations.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measure {
    pub(super) name: String,
    pub(super) curve: Curve,
    pub(super) last: f64,
    /// The best value and its step, of the measure that decides: of others it is not known which way is better.
    pub(super) best: Option<(f64, u64)>,
}

/// Everything that the dashboard shows.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The run's folder.
    pub(super) folder: String,
    /// What is trained, and where.
    pub(super) about: String,
    /// The measure that decides.
    pub(super) decisive: Decisive,
    pub(super) epochs: (u64, u64),
    pub(super) steps: (u64, u64),
    pub(super) loss: Curve,
    pub(super) last_loss: f64,
    pub(super) epoch_loss: Option<f64>,
    pub(super) learning_rate: f64,
    pub(super) measures: Vec<Measure>,
    /// Step of the weights that are kept as the best ones.
    pub(super) best_step: Option<u64>,
    pub(super) messages: VecDeque<String>,
    /// Whether it was asked to stop.
    pub(super) stopping: bool,
    began: Instant,
    /// The step before the first one that was told.
    from: Option<u64>,
    recent: VecDeque<(Instant, u64)>,
}

impl Standing {
    /// Before the first step, or where `records` of an earlier part of the run left off.
    pub(crate) fn new(
        folder: String,
        about: String,
        decisive: Decisive,
        records: &[Record],
        now: Instant,
    ) -> Self {
        let mut standing = Self {
            folder,
            about,
            decisive,
            epochs: (0, 0),
            steps: (0, 0),
            loss: Curve::default(),
            last_loss: f64::NAN,
            epoch_loss: None,
            learning_rate: f64::NAN,
            measures: Vec::new(),
            best_step: None,
            messages: VecDeque::new(),
            stopping: false,
            began: now,
            from: None,
            recent: VecDeque::new(),
        };
        for record in records {
            match record.name.as_str() {
                "train/loss" => standing.loss.add(record.step, record.value),
                name if name.starts_with("validation/") => standing.measured(record.step, name, record.value),
                _ => {}
            }
        }
        standing
    }

    /// Takes in what was told at the time `now`.
    pub(crate) fn update(&mut self, update: Update, now: Instant) {
        match update {
            Update::Step { step, of, loss, learning_rate } => {
                self.steps = (step, of);
                self.from.get_or_insert(step.saturating_sub(1));
                self.loss.add(step, loss);
                (self.last_loss, self.learning_rate) = (loss, learning_rate);
                self.recent.push_back((now, step));
                if self.recent.len() > RATE_STEPS {
                    self.recent.pop_front();
                }
            }
            Update::Epoch { epoch, of, loss, measures, best } => {
                self.epochs = (epoch, of);
                self.epoch_loss = Some(loss);
                for (name, value) in &measures {
                    self.measured(self.steps.0, name, *value);
                }
                if best {
                    self.best_step = Some(self.steps.0);
                }
            }
            Update::Message(text) => {
                self.messages.push_back(text);
                if self.messages.len() > KEPT_MESSAGES {
                    self.messages.pop_front();
                }
            }
        }
    }

    fn measured(&mut self, step: u64, name: &str, value: f64) {
        let place = self.measures.iter().position(|measure| measure.name == name).unwrap_or_else(|| {
            let (name, curve) = (name.into(), Curve::default());
            self.measures.push(Measure { name, curve, last: value, best: None });
            self.measures.len() - 1
        });
        let measure = &mut self.measures[place];
        measure.curve.add(step, value);
        measure.last = value;
        let decides = name == self.decisive.measure && !value.is_nan();
        let improves = |(best, _): (f64, u64)| value != best && self.decisive.better(value, best) == value;
        if decides && measure.best.is_none_or(improves) {
            measure.best = Some((value, step));
        }
    }

    /// Steps a second, lately.
    pub(super) fn rate(&self) -> Option<f64> {
        let ((first, from), (last, to)) = (self.recent.front()?, self.recent.back()?);
        let seconds = last.duration_since(*first).as_secs_f64();
        (seconds > 0.0).then(|| (to - from) as f64 / seconds)
    }

    /// The time that the rest takes if it goes on as up to now, validations included, and none of them ends it early.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let (step, of) = self.steps;
        let done = step.checked_sub(self.from?).filter(|done| *done > 0)?;
        let share = of.saturating_sub(step) as f64 / done as f64;
        Duration::try_from_secs_f64(self.elapsed(now).as_secs_f64() * share).ok()
    }

    /// The time since the training began, or was taken up.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.duration_since(self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(records: &[Record], now: Instant) -> Standing {
        let decisive = Decisive { measure: "validation/triplet_loss".into(), smaller_is_better: true };
        Standing::new("runs/x".into(), "a head".into(), decisive, records, now)
    }

    #[test]
    fn a_long_curve_keeps_its_ends_and_few_points() {
        let mut curve = Curve::default();
        (1..=100_000).for_each(|step| curve.add(step, 3.0));
        assert!((KEPT_POINTS / 2..2 * KEPT_POINTS).contains(&curve.points.len()), "{}", curve.points.len());
        assert!(curve.points[0].0 < 200.0 && curve.points[curve.points.len() - 1].0 > 99_000.0);
        assert!(curve.points.iter().all(|point| point.1 == 3.0));
        curve.add(1, f64::NAN);
        assert!(curve.points.iter().all(|point| point.1.is_finite()));
    }

    #[test]
    fn the_rate_is_of_the_last_steps_and_what_is_left_counts_validations_too() {
        let began = Instant::now();
        let mut standing = standing(&[], began);
        assert_eq!((standing.rate(), standing.left(began)), (None, None));
        // Taken up at step 100.
        for step in 101..=105 {
            let update = Update::Step { step, of: 125, loss: 1.0, learning_rate: 1e-3 };
            standing.update(update, began + Duration::from_millis(500 * (step - 100)));
        }
        assert_eq!(standing.rate(), Some(2.0));
        assert_eq!(standing.left(began + Duration::from_secs(5)), Some(Duration::from_secs(20)));
    }

    #[test]
    fn a_run_that_is_taken_up_shows_what_was_before() {
        let record =
            |step, name: &str, value| Record { step, epoch: 1.0, name: name.into(), value, seconds: 0.1 };
        let records = [
            record(1, "train/loss", 2.0),
            record(1, "validation/map_at_r", 0.5),
            record(2, "validation/map_at_r", 0.25),
            record(1, "validation/triplet_loss", 0.5),
            record(2, "validation/triplet_loss", 0.25),
        ];
        let standing = standing(&records, Instant::now());
        assert_eq!(standing.loss.points, [(1.0, 2.0)]);
        let best: Vec<_> = standing.measures.iter().map(|measure| (measure.last, measure.best)).collect();
        assert_eq!(best, [(0.25, None), (0.25, Some((0.25, 2)))]);
    }
}
