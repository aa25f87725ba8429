//! From a configuration to everything that pretraining needs, checked before the first step.

use super::config::PretrainConfig;
use super::masked_autoencoder::MaskedPretraining;
use super::permutation::Permutation;
use super::pool::TilePool;
use crate::dataset::test_data_at;
use crate::error::TrainError;
use crate::random::{Purpose, stream};
use refcon_encoders::{DecoderArchitecture, DeviceChoice, MaskedAutoencoder, Precision};
use sha2::{Digest, Sha256};

/// At most this share of the tiles is held out.
const MOST_HELD_OUT: usize = 10;

/// A pretraining that is ready to begin, or to go on.
#[derive(Debug)]
pub struct PreparedPretraining {
    /// The settings, with absolute paths.
    pub config: PretrainConfig,
    /// What is learned from.
    pub task: MaskedPretraining,
    /// What learns.
    pub network: MaskedAutoencoder,
    /// Hash of the tiles' names.
    pub data: String,
    /// What the model computes in.
    pub precision: String,
    /// Folders of test data among the tiles.
    pub test_data: Vec<String>,
}

/// Opens or makes the model, and looks at the tiles.
///
/// # Errors
/// When settings, tiles or checkpoint cannot be used; test data is refused unless `allow_test_data`.
pub fn prepare(mut config: PretrainConfig, allow_test_data: bool) -> Result<PreparedPretraining, TrainError> {
    let setting = |key: &str, error: &dyn std::fmt::Display| TrainError::Setting(format!("{key}: {error}"));
    for path in &mut config.data.paths {
        *path = path.canonicalize().map_err(|source| TrainError::Read { path: path.clone(), source })?;
    }
    let pool = TilePool::open(&config.data.paths, &config.data.cut, allow_test_data)?;
    let test_data = config.data.paths.iter().filter(|path| test_data_at(path, &[]).is_some());
    let test_data: Vec<String> = test_data.map(|path| path.display().to_string()).collect();
    let device: DeviceChoice = config.device.parse().map_err(|error| setting("device", &error))?;
    let device = device.open().map_err(|error| setting("device", &error))?;
    let precision: Precision = config.precision.parse().map_err(|error| setting("precision", &error))?;
    let execution = precision.on(&device).map_err(|error| setting("precision", &error))?;
    let (network, encoder, decoder) = match &mut config.model.start {
        Some(start) => {
            *start =
                start.canonicalize().map_err(|source| TrainError::Read { path: start.clone(), source })?;
            let opened = MaskedAutoencoder::open_to_train(start, &device, execution)?;
            let (network, encoder, decoder) = opened;
            let normalised_patches = config.normalised_targets;
            (network, encoder, DecoderArchitecture { normalised_patches, ..decoder })
        }
        None => {
            let encoder = config.model.architecture();
            let decoder = config.decoder.architecture(&encoder, config.normalised_targets);
            let device = device.clone().autodiff();
            let network = MaskedAutoencoder::initial(
                &encoder,
                &decoder,
                config.seed,
                &device,
                execution.for_training(),
            );
            (network, encoder, decoder)
        }
    };
    let held_out = config.data.held_out.min(pool.count() / MOST_HELD_OUT);
    let shuffled = Permutation::draw(pool.count(), &mut stream(config.seed, Purpose::Split, [0, 0]));
    let data = hash_of(&pool);
    let task = MaskedPretraining {
        config: config.clone(),
        pool,
        shuffled,
        held_out,
        encoder,
        decoder,
        device: device.autodiff(),
        test_data: test_data.clone(),
    };
    let precision = execution.name().to_owned();
    Ok(PreparedPretraining { config, task, network, data, precision, test_data })
}

/// The first 32 hex digits of a SHA-256 over all names: a pool of a million tiles is not read for it.
fn hash_of(pool: &TilePool) -> String {
    let mut hasher = Sha256::new();
    for tile in 0..pool.count() {
        hasher.update(pool.name(tile));
        hasher.update([0]);
    }
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
