//! The run of a training that is ready.

use super::{Prepared, plan};
use crate::error::TrainError;
use crate::fit::Task;
use crate::optimise::{Parameters, prepared};
use crate::runs::{Facts, Method, Run, RunState, TRIAL};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a run's folder is made.
#[derive(Debug, Clone, Copy)]
pub enum RunPlace<'a> {
    /// Below this folder, under a name that is drawn.
    Below(&'a Path),
    /// Below this folder, under a name that says that it was only a trial.
    TrialBelow(&'a Path),
    /// This is it.
    At(&'a Path),
}

/// Makes the folder of a new run, with its settings, its tiles and what it is; `code` says which program trains.
///
/// # Errors
/// When something cannot be written.
pub fn begin_run(ready: &Prepared, place: RunPlace, code: String) -> Result<(Run, Facts), TrainError> {
    let base = &ready.started_from;
    let dataset = ready.task.dataset();
    let network = prepared(ready.network.clone(), &|name| ready.task.trains(name));
    let mut facts = Facts {
        name: String::new(),
        method: Method::FineTuning,
        started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        state: RunState::Running,
        seed: ready.config.seed,
        data: ready.manifest.hash.clone(),
        tiles: [dataset.training.len(), dataset.held_out.len()],
        encoder: [base.name().into(), base.hash().into()],
        parameters: Parameters::of(&network).count(),
        code,
        device: ready.config.device.clone(),
        precision: ready.precision.clone(),
        test_data: ready.test_data.clone(),
        decisive: Some(plan(&ready.config).decisive()),
    };
    let (settings, tiles) = (ready.config.to_yaml(), &ready.manifest.csv);
    let run = match place {
        RunPlace::Below(runs) => Run::create(runs, &settings, &mut facts, tiles),
        RunPlace::TrialBelow(runs) => {
            facts.name = TRIAL.into();
            Run::create(runs, &settings, &mut facts, tiles)
        }
        RunPlace::At(folder) => Run::create_at(folder, &settings, &mut facts, tiles),
    };
    Ok((run?, facts))
}
