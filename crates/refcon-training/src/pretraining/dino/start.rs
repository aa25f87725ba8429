//! The encoder that pretraining starts from: new, or a checkpoint's.

use super::config::DinoConfig;
use crate::error::TrainError;
use crate::pretraining::prepare::Ground;
use crate::pretraining::views::preprocessing;
use refcon_encoders::{EncoderFile, Pretrained};

/// The encoder to start from, and the test data that it was trained on.
pub(super) fn encoder(config: &DinoConfig, ground: &Ground) -> Result<(Pretrained, Vec<String>), TrainError> {
    let setting = |key: &str, problem: String| TrainError::Setting(format!("{key}: {problem}"));
    let [device] = ground.devices.as_slice() else {
        let problem = format!(
            "{}, expected one: its losses are not shared out yet, unlike pretrain mae's",
            config.device
        );
        return Err(setting("device", problem));
    };
    let Some(start) = &config.model.start else {
        let sizes = config.model.architecture();
        let file = EncoderFile {
            preprocessing: Some(preprocessing(sizes.image_size)?),
            pooling: Some(config.pooling),
            ..EncoderFile::default()
        };
        let (device, execution) = (device.clone().autodiff(), ground.execution.for_training());
        let encoder = Pretrained::initial(&sizes, &file, config.seed, &device, execution);
        return Ok((encoder.map_err(|problem| setting("model", problem))?, Vec::new()));
    };
    let file = EncoderFile::beside(start)?;
    if file.head.is_some() {
        let problem = format!("{} has a head; give the encoder that it was trained from", start.display());
        return Err(setting("model.start", problem));
    }
    let encoder = Pretrained::open_to_train(start, None, device, ground.execution)?;
    let sizes = encoder.architecture().clone();
    if sizes.norm_after_pooling {
        let problem = "it normalises after pooling, expected a model with a class token that is normalised";
        return Err(setting("model.start", problem.into()));
    }
    let local = &config.local_crops;
    if local.count > 0 && !local.size.is_multiple_of(sizes.patch_size) {
        let problem =
            format!("{}, expected a multiple of the checkpoint's patch of {}", local.size, sizes.patch_size);
        return Err(setting("local_crops.size", problem));
    }
    let encoder = encoder.used_with(preprocessing(sizes.image_size)?, config.pooling);
    Ok((encoder.map_err(|problem| setting("pooling", problem))?, file.trained_on_test_data))
}
