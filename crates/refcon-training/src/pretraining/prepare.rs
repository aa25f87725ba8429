//! What every method begins with, checked before the first step: tiles, device, precision.

use super::config::PretrainConfig;
use super::pool::{SplitPool, TilePool};
use crate::dataset::test_data_at;
use crate::error::TrainError;
use crate::fit::{Plan, Position, Task, open_devices};
use crate::runs::Method;
use refcon_encoders::{Device, Execution, is_shipped};

/// A method of pretraining: a task of the loop, with settings of its own.
pub trait Pretraining: Task + Sized {
    /// Its settings.
    type Config: PretrainConfig;

    /// What its runs are called.
    const METHOD: Method;

    /// Opens or makes the model, and looks at the tiles.
    ///
    /// # Errors
    /// When settings, tiles or checkpoint cannot be used; test data is refused unless `allow_test_data`.
    fn prepare(config: Self::Config, allow_test_data: bool) -> Result<PreparedPretraining<Self>, TrainError>;

    /// How the loop goes.
    fn plan(&self) -> Plan;

    /// Tiles that are learned from, and held out.
    fn tiles(&self) -> [usize; 2];

    /// What the model gets to see of an image, for people.
    fn sees(&self) -> String;
}

/// A pretraining that is ready to begin, or to go on.
#[derive(Debug)]
pub struct PreparedPretraining<P: Pretraining> {
    /// The settings, with absolute paths.
    pub config: P::Config,
    /// What is learned from.
    pub task: P,
    /// What learns.
    pub network: P::Network,
    /// Hash of the tiles' names.
    pub data: String,
    /// What the model computes in.
    pub precision: String,
    /// Folders of test data among the tiles, and of those that the checkpoint was trained on.
    pub test_data: Vec<String>,
    /// What people should know before it begins.
    pub notes: Vec<String>,
}

/// What a method is given.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) tiles: SplitPool,
    /// Width and height of one of them, in pixels.
    pub(super) tile_size: [usize; 2],
    /// At least one, without gradients.
    pub(super) devices: Vec<Device>,
    pub(super) execution: Execution,
    pub(super) test_data: Vec<String>,
}

impl Ground {
    /// Looks at the tiles and chooses the device; makes the configuration's paths absolute.
    pub(super) fn open<C: PretrainConfig>(config: &mut C, allow_test_data: bool) -> Result<Self, TrainError> {
        let (data, model) = config.files_mut();
        let start = model.start.as_mut().filter(|start| !is_shipped(start));
        for path in data.paths.iter_mut().chain(start) {
            *path = path.canonicalize().map_err(|source| TrainError::Read { path: path.clone(), source })?;
        }
        let common = config.common();
        let paths = &common.data.paths;
        let pool = TilePool::open(paths, &common.data.cut, allow_test_data)?;
        let test_data = paths.iter().filter(|path| test_data_at(path, &[]).is_some());
        let test_data: Vec<String> = test_data.map(|path| path.display().to_string()).collect();
        let (devices, execution) = open_devices(common.device, common.precision)?;
        let tiles = SplitPool::new(pool, common.data.held_out, common.batch, common.seed);
        // Where none can be read, that is said before there is a run.
        let tile = tiles.read(tiles.batch(Position::default())[0])?;
        Ok(Self { tiles, tile_size: [tile.width(), tile.height()], devices, execution, test_data })
    }
}
