//! The loop: batches, steps, validations, checkpoints.
//!
//! It is a loop of our own and not burn-train's learner, since a training has to go on after a kill between any two steps as if nothing
//! had happened: the learner shuffles from a stream that cannot be saved, and writes checkpoints between epochs. Here every random number
//! follows from the seed and the [`Position`], and a [`Checkpoint`] holds everything else that the next step depends on.

pub mod checkpoint;
mod devices;
mod event;
mod task;

pub(crate) use devices::open_devices;
pub use devices::{over_devices, rows_on};
pub use event::Event;
pub use task::{BatchLoss, Position, Task};

use crate::config::{OptimiserSettings, Schedule, Stopping};
use crate::error::TrainError;
use crate::optimise::{AdamW, Gradients, Parameters, move_average, prepared};
use crate::runs::{Decisive, Record, Run};
use crate::schedule::share;
use burn::module::Module;
use checkpoint::{Checkpoint, Exact, Progress};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How a training goes, whatever is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How weights change.
    pub optimiser: OptimiserSettings,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// When it ends.
    pub stopping: Stopping,
    /// Epochs between validations.
    pub validate_every: u64,
    /// The measure that decides, by the name that it is recorded under.
    pub measure: String,
    /// Whether a smaller value of it is better.
    pub smaller_is_better: bool,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
}

impl Plan {
    /// What decides which weights are the best, as a run keeps it.
    #[must_use]
    pub fn decisive(&self) -> Decisive {
        Decisive { measure: self.measure.clone(), smaller_is_better: self.smaller_is_better }
    }

    /// Batches of an epoch, where the task has `batches`.
    #[must_use]
    pub fn batches(&self, batches: usize) -> u64 {
        self.stopping.batches.map_or(batches, |most| most.min(batches)) as u64
    }

    /// Steps in all, if no validation ends it early.
    #[must_use]
    pub fn steps(&self, batches: usize) -> u64 {
        self.batches(batches).div_ceil(self.optimiser.accumulate as u64) * self.stopping.epochs
    }
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All epochs were done.
    Finished,
    /// The validation had not got better for long enough.
    NoImprovement,
    /// It was asked to stop; the checkpoint is the last step's.
    Interrupted,
}

/// How a run ended, for its trackers, in the exit codes of a shell.
const FAILED: i32 = 1;
/// The exit code of a program that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// Trains until an end. The run's `best` folder then holds the best encoder so far.
///
/// # Errors
/// When a tile cannot be read, a file cannot be written, or the loss is not finite. The run can be gone on with.
pub fn fit<T: Task>(
    task: &mut T,
    network: T::Network,
    plan: &Plan,
    run: &mut Run,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&Event),
) -> Result<(Ending, Progress), TrainError> {
    let trained = train(task, network, plan, run, stop, tell);
    match &trained {
        Ok((Ending::Interrupted, _)) => run.finish_tracking(INTERRUPTED.into())?,
        Ok(_) => run.finish_tracking(0)?,
        // Nothing more can be written. A run that never says how it ended is one that crashed.
        Err(TrainError::Write { .. } | TrainError::Tracking(_)) => {}
        // Why the training stopped matters more than that this could not be noted.
        Err(_) => drop(run.finish_tracking(FAILED)),
    }
    trained
}

fn train<T: Task>(
    task: &mut T,
    network: T::Network,
    plan: &Plan,
    run: &mut Run,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&Event),
) -> Result<(Ending, Progress), TrainError> {
    let network = prepared(network, &|name| task.trains(name));
    let mut state = State::begin(task, &network, plan, run)?;
    let mut network = state.weights.put_into(network);
    let (batches, steps) = (plan.batches(task.batches()), plan.steps(task.batches()));
    while state.progress.epoch < plan.stopping.epochs {
        if plan.stopping.patience.is_some_and(|patience| state.progress.waiting >= patience) {
            return Ok((Ending::NoImprovement, state.progress));
        }
        let mut learning_rate = 0.0;
        while state.progress.batch < batches {
            if stop.load(Ordering::Relaxed) {
                state.save(task, run)?;
                return Ok((Ending::Interrupted, state.progress));
            }
            let stepped = state.step(task, &network, plan, run, steps, batches);
            let (loss, rate) = match stepped {
                Ok(done) => done,
                // The numbers of this step are not all on disk: the last checkpoint is from before it.
                Err(error @ TrainError::Write { .. }) => return Err(error),
                Err(error) => {
                    // What was learned up to here is kept; the error says why it went no further.
                    state.save(task, run)?;
                    return Err(error);
                }
            };
            learning_rate = rate;
            network = rayon::scope(|_| state.weights.put_into(network));
            let (epoch, batch, step) = (state.progress.epoch, state.progress.batch, state.progress.step);
            task.after_step(&state.weights, Position { epoch, batch, step });
            tell(&Event::Step { step, of: steps, loss, learning_rate });
            task.messages().iter().for_each(|message| tell(&Event::Message(message)));
            if step % plan.checkpoint_every == 0 {
                state.save(task, run)?;
            }
        }
        state.end_of_epoch(task, &network, plan, run, learning_rate, tell)?;
    }
    Ok((Ending::Finished, state.progress))
}

/// Numbers of a step's batches, each name's mean: a batch that lacks a number does not count for it.
#[derive(Default)]
struct Means(Vec<(String, f64, f64)>);

impl Means {
    fn add(&mut self, name: String, value: f64) {
        match self.0.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, sum, count)) => (*sum, *count) = (*sum + value, *count + 1.0),
            None => self.0.push((name, value, 1.0)),
        }
    }

    fn take(self) -> impl Iterator<Item = (String, f64)> {
        self.0.into_iter().map(|(name, sum, count)| (name, sum / count))
    }
}

/// A training between two steps.
struct State {
    progress: Progress,
    weights: Parameters,
    average: Option<Parameters>,
    optimiser: AdamW,
}

impl State {
    /// From the run's last checkpoint, or from the beginning.
    fn begin<T: Task>(
        task: &mut T,
        network: &T::Network,
        plan: &Plan,
        run: &mut Run,
    ) -> Result<Self, TrainError> {
        let weights = Parameters::of(network);
        let mut optimiser = AdamW::new(&plan.optimiser);
        let path = run.last_checkpoint();
        if !path.exists() {
            run.cut_metrics(0)?;
            run.begin_tracking(true)?;
            let average = plan.optimiser.average.map(|_| weights.clone());
            return Ok(Self { progress: Progress::default(), weights, average, optimiser });
        }
        let checkpoint = Checkpoint::read(&path)?;
        let shapes = |parameters: &Parameters| {
            parameters
                .0
                .iter()
                .map(|(name, parameter)| (name.clone(), parameter.shape.clone()))
                .collect::<Vec<_>>()
        };
        if shapes(&checkpoint.weights) != shapes(&weights) {
            let problem = "its weights are not those that this configuration trains".into();
            return Err(TrainError::Damaged { path, problem });
        }
        run.cut_metrics(checkpoint.progress.recorded)?;
        run.begin_tracking(checkpoint.progress.batch == 0)?;
        run.mend_best(|weights, folder| {
            let network = weights.put_into(network.clone());
            task.write_encoder(&network.valid(), folder)
        })?;
        optimiser.moments = checkpoint.moments;
        task.restore(checkpoint.task);
        Ok(Self {
            progress: checkpoint.progress,
            weights: checkpoint.weights,
            average: checkpoint.average,
            optimiser,
        })
    }

    fn save<T: Task>(&mut self, task: &T, run: &mut Run) -> Result<(), TrainError> {
        self.progress.recorded = run.flush_metrics()?;
        let average = self.average.as_ref();
        Checkpoint::of(&self.progress, &self.weights, &self.optimiser, average, task.state())
            .write(&run.last_checkpoint())?;
        // Between two epochs nothing more can come of the last step.
        run.pass_on(self.progress.batch == 0)
    }

    /// One step of the optimiser, over as many batches as are accumulated. Gives the mean loss and the learning rate.
    fn step<T: Task>(
        &mut self,
        task: &T,
        network: &T::Network,
        plan: &Plan,
        run: &mut Run,
        steps: u64,
        batches: u64,
    ) -> Result<(f64, f64), TrainError> {
        let began = Instant::now();
        let learning_rate = plan.optimiser.learning_rate
            * share(&plan.schedule, &self.progress.plateau(), self.progress.step, steps);
        let first = self.progress.batch;
        let last = (first + plan.optimiser.accumulate as u64).min(batches);
        let weight = 1.0 / (last - first) as f32;
        let (mut gradients, mut files, mut means) = (Gradients::default(), Vec::new(), Means::default());
        let mut loss_sum = 0.0;
        for batch in first..last {
            let at = Position { batch, epoch: self.progress.epoch, step: self.progress.step };
            // On one of the pool's threads: from outside, each small product would wake the pool and wait for it.
            let found = rayon::scope(|_| {
                let found = task.loss(network, at)?;
                let value = found.loss.as_ref().map_or(0.0, |loss| loss.clone().into_scalar::<f64>());
                if let Some(loss) = found.loss.filter(|_| value.is_finite()) {
                    gradients.add(network, loss.backward(), weight);
                }
                Ok::<_, TrainError>((value, found.files, found.parts))
            })?;
            let (value, of_batch, parts) = found;
            files.extend(of_batch);
            parts.into_iter().for_each(|(name, value)| means.add(name, value));
            loss_sum += value;
            if !value.is_finite() {
                return Err(self.not_finite("the loss", value, learning_rate, files));
            }
        }
        // On one of the pool's threads, as above.
        let norm = rayon::scope(|_| gradients.norm());
        if !norm.is_finite() {
            return Err(self.not_finite("the gradient's length", norm, learning_rate, files));
        }
        rayon::scope(|_| {
            if let Some(most) = plan.optimiser.clip_norm {
                gradients.clip(norm, most);
            }
            self.optimiser.step(&mut self.weights, &gradients, &|name| learning_rate * task.rate(name));
            if let (Some(average), Some(decay)) = (&mut self.average, plan.optimiser.average) {
                move_average(average, &self.weights, decay);
            }
            gradients.used();
        });
        let loss = loss_sum * f64::from(weight);
        self.progress.loss_sum.0 += loss_sum;
        self.progress.loss_count += last - first;
        self.progress.batch = last;
        self.progress.step += 1;
        let epoch = self.progress.epoch as f64 + last as f64 / batches as f64;
        let standing = [
            ("train/loss".to_owned(), loss),
            ("train/gradient_norm".to_owned(), norm),
            ("learning_rate".to_owned(), learning_rate),
        ];
        let seconds = began.elapsed().as_secs_f64();
        for (name, value) in standing.into_iter().chain(means.take()) {
            run.record(&Record { step: self.progress.step, epoch, name, value, seconds })?;
        }
        Ok((loss, learning_rate))
    }

    fn not_finite(
        &self,
        what: &'static str,
        value: f64,
        learning_rate: f64,
        files: Vec<String>,
    ) -> TrainError {
        TrainError::NotFinite { what, value, step: self.progress.step + 1, learning_rate, files }
    }

    fn end_of_epoch<T: Task>(
        &mut self,
        task: &T,
        network: &T::Network,
        plan: &Plan,
        run: &mut Run,
        learning_rate: f64,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<(), TrainError> {
        let (epoch, step) = (self.progress.epoch + 1, self.progress.step);
        let last = epoch == plan.stopping.epochs;
        let mut measures = Vec::new();
        let mut best = false;
        if epoch.is_multiple_of(plan.validate_every) || last {
            let judged = task.judged().or(self.average.as_ref()).unwrap_or(&self.weights);
            let network = judged.put_into(network.clone()).valid();
            let began = Instant::now();
            measures = task.validate(&network)?;
            let seconds = began.elapsed().as_secs_f64();
            for (name, value) in measures.clone() {
                run.record(&Record { step, epoch: epoch as f64, name, value, seconds })?;
            }
            let decisive = measures.iter().find(|(name, _)| *name == plan.measure).map(|(_, value)| *value);
            best = self.is_best(decisive, plan);
            self.progress.waiting = if best { 0 } else { self.progress.waiting + 1 };
            let mut plateau = self.progress.plateau();
            plateau.validated(&plan.schedule, best);
            (self.progress.plateau_waiting, self.progress.halvings) = (plateau.waiting, plateau.halvings);
            if best {
                self.progress.best = decisive.map(Exact);
                self.progress.best_step = step;
                run.keep_best(judged, |folder| task.write_encoder(&network, folder))?;
            }
        }
        let loss = self.progress.loss_sum.0 / self.progress.loss_count.max(1) as f64;
        self.progress.loss_sum = Exact(0.0);
        self.progress.loss_count = 0;
        self.progress.batch = 0;
        self.progress.epoch = epoch;
        let record =
            Record { step, epoch: epoch as f64, name: "train/epoch_loss".into(), value: loss, seconds: 0.0 };
        run.record(&record)?;
        self.save(task, run)?;
        tell(&Event::Epoch {
            epoch,
            of: plan.stopping.epochs,
            loss,
            learning_rate,
            measures: &measures,
            best,
        });
        Ok(())
    }

    /// Whether a validation is better than any before it. Without a measure the latest weights are the best ones.
    fn is_best(&self, found: Option<f64>, plan: &Plan) -> bool {
        match (found, self.progress.best) {
            (Some(found), Some(Exact(best))) if plan.smaller_is_better => found < best,
            (Some(found), Some(Exact(best))) => found > best,
            (_, _) => true,
        }
    }
}
