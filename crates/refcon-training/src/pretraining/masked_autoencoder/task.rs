//! Pretraining of a masked autoencoder as a task of the loop.

use super::config::MaskedConfig;
use crate::error::TrainError;
use crate::fit::{BatchLoss, Plan, Position, Task, over_devices};
use crate::pretraining::config::PretrainConfig;
use crate::pretraining::pool::SplitPool;
use crate::pretraining::prepare::{Ground, PreparedPretraining, Pretraining};
use crate::pretraining::views::{preprocessing, random_view};
use crate::random::{Purpose, stream};
use crate::runs::Method;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rayon::prelude::*;
use refcon_encoders::model::{Architecture, Pooling};
use refcon_encoders::{DecoderArchitecture, EncoderFile, MaskedAutoencoder, export_masked_autoencoder};
use refcon_image::GreyImage;
use std::path::Path;

/// Held-out tiles that are measured together.
const VALIDATION_BATCH: usize = 16;

/// Added to a patch's variance, as the paper's code has it.
const VARIANCE_FLOOR: f64 = 1e-6;

/// The measure that decides which weights are kept.
pub const MEASURE: &str = "validation/reconstruction_loss";

/// A masked autoencoder and the tiles that it learns from.
#[derive(Debug)]
pub struct MaskedPretraining {
    config: MaskedConfig,
    tiles: SplitPool,
    encoder: Architecture,
    decoder: DecoderArchitecture,
    /// With gradients; the model lies on the first.
    devices: Vec<Device>,
    /// Folders of test data among the tiles.
    test_data: Vec<String>,
}

impl Pretraining for MaskedPretraining {
    type Config = MaskedConfig;

    const METHOD: Method = Method::MaskedAutoencoder;

    fn prepare(
        mut config: MaskedConfig,
        allow_test_data: bool,
    ) -> Result<PreparedPretraining<Self>, TrainError> {
        let Ground { tiles, devices, execution, test_data, .. } = Ground::open(&mut config, allow_test_data)?;
        let device = &devices[0];
        let (network, encoder, decoder) = match &config.model.start {
            Some(start) => {
                let opened = MaskedAutoencoder::open_to_train(start, device, execution)?;
                let (network, encoder, decoder) = opened;
                let normalised_patches = config.normalised_targets;
                (network, encoder, DecoderArchitecture { normalised_patches, ..decoder })
            }
            None => {
                let encoder = config.model.architecture();
                let decoder = config.decoder.architecture(&encoder, config.normalised_targets);
                let device = device.clone().autodiff();
                let execution = execution.for_training();
                let network = MaskedAutoencoder::initial(&encoder, &decoder, config.seed, &device, execution);
                (network, encoder, decoder)
            }
        };
        let (data, precision) = (tiles.hash(), execution.name().to_owned());
        let task = Self {
            config: config.clone(),
            tiles,
            encoder,
            decoder,
            devices: devices.into_iter().map(Device::autodiff).collect(),
            test_data: test_data.clone(),
        };
        Ok(PreparedPretraining { config, task, network, data, precision, test_data, notes: Vec::new() })
    }

    fn plan(&self) -> Plan {
        self.config.common().plan(MEASURE, true)
    }

    fn tiles(&self) -> [usize; 2] {
        self.tiles.counts()
    }

    fn sees(&self) -> String {
        format!("{} patches of an image seen", self.seen())
    }
}

impl MaskedPretraining {
    /// Patches that the encoder sees of an image.
    fn seen(&self) -> usize {
        let patches = self.encoder.patches();
        ((patches as f64 * (1.0 - self.config.masked)).round() as usize).clamp(1, patches.max(2) - 1)
    }

    /// The mean loss of a batch, which `devices` share; `place` says which masks are drawn.
    fn loss_of(
        &self,
        network: &MaskedAutoencoder,
        views: &[GreyImage],
        place: [u64; 2],
        devices: &[Device],
    ) -> Tensor<1> {
        let mut draw = stream(self.config.seed, Purpose::Masking, place);
        let count = self.encoder.patches();
        let noise: Vec<f32> = (0..views.len() * count).map(|_| draw.random()).collect();
        let losses = over_devices(devices, network, views.len(), |network, share, device| {
            let images = images(&views[share.clone()], self.encoder.channels, device);
            let noise = noise[share.start * count..share.end * count].to_vec();
            let noise = Tensor::from_data(TensorData::new(noise, [share.len(), count]), device);
            let rebuilt = network.reconstruct(images.clone(), noise, self.seen());
            let target = patches(images, self.encoder.patch_size);
            let target = if self.config.normalised_targets { normalised(target) } else { target };
            masked_errors(rebuilt.patches, target, rebuilt.mask)
        });
        losses.mean()
    }
}

impl Task for MaskedPretraining {
    type Network = MaskedAutoencoder;

    /// Everything but the positions, which stay sines and cosines.
    fn trains(&self, name: &str) -> bool {
        !name.ends_with("positions")
    }

    fn rate(&self, _: &str) -> f64 {
        1.0
    }

    fn batches(&self) -> usize {
        self.tiles.batches()
    }

    fn loss(&self, network: &MaskedAutoencoder, at: Position) -> Result<BatchLoss, TrainError> {
        let tiles = self.tiles.batch(at);
        let (views, side) = (&self.config.views, self.encoder.image_size as u32);
        let views = tiles.par_iter().map(|&place| {
            let tile = self.tiles.tile(place) as u64;
            let mut draw = stream(self.config.seed, Purpose::Augmentation, [at.epoch, tile]);
            Ok(random_view(views, &self.tiles.read(place)?, views.scale, side, &mut draw))
        });
        let views = views.collect::<Result<Vec<GreyImage>, TrainError>>()?;
        let loss = self.loss_of(network, &views, [at.epoch + 1, at.batch], &self.devices);
        Ok(BatchLoss { loss: Some(loss), files: self.tiles.names(&tiles), parts: Vec::new() })
    }

    /// The loss of the held-out tiles, whole and with the same masks every time.
    fn validate(&self, network: &MaskedAutoencoder) -> Result<Vec<(String, f64)>, TrainError> {
        let [_, held_out] = self.tiles.counts();
        if held_out == 0 {
            return Ok(Vec::new());
        }
        let device = [self.devices[0].clone().inner()];
        let preprocessing = preprocessing(self.encoder.image_size)?;
        let mut sum = 0.0;
        for first in (0..held_out).step_by(VALIDATION_BATCH) {
            let places = first..(first + VALIDATION_BATCH).min(held_out);
            let views = places
                .clone()
                .into_par_iter()
                .map(|place| Ok(preprocessing.apply(&self.tiles.read(self.tiles.held_out(place))?)));
            let views = views.collect::<Result<Vec<GreyImage>, TrainError>>()?;
            // Epochs count from 1 in training: these masks are no batch's.
            let loss = rayon::scope(|_| {
                self.loss_of(network, &views, [0, first as u64], &device).into_scalar::<f64>()
            });
            sum += loss * places.len() as f64;
        }
        Ok(vec![(MEASURE.into(), sum / held_out as f64)])
    }

    fn messages(&mut self) -> Vec<String> {
        self.tiles.messages()
    }

    fn write_encoder(&self, network: &MaskedAutoencoder, folder: &Path) -> Result<(), TrainError> {
        let file = EncoderFile {
            preprocessing: Some(preprocessing(self.encoder.image_size)?),
            pooling: Some(Pooling::PatchMean),
            heads: Some(self.encoder.heads),
            decoder_heads: Some(self.decoder.blocks.heads),
            trained_on_test_data: self.test_data.clone(),
            ..EncoderFile::default()
        };
        Ok(export_masked_autoencoder(network, &self.encoder, &self.decoder, Some(&file), folder)?)
    }
}

/// Grey squares as a model's input, `[images, channels, side, side]`: all channels alike.
pub(super) fn images(views: &[GreyImage], channels: usize, device: &Device) -> Tensor<4> {
    let side = views.first().map_or(0, GreyImage::width);
    let pixels: Vec<f32> = views.iter().flat_map(|view| view.pixels().iter().copied()).collect();
    let grey = Tensor::<4>::from_data(TensorData::new(pixels, [views.len(), 1, side, side]), device);
    if channels == 1 { grey } else { grey.expand([views.len(), channels, side, side]) }
}

/// The patches of images, row by row, each as its pixels `[row, column, channel]`: `[batch, patches, patch² · channels]`.
#[must_use]
pub fn patches(images: Tensor<4>, patch: usize) -> Tensor<3> {
    let [batch, channels, height, width] = images.dims();
    let (rows, columns) = (height / patch, width / patch);
    images.reshape([batch, channels, rows, patch, columns, patch]).permute([0, 2, 4, 3, 5, 1]).reshape([
        batch,
        rows * columns,
        patch * patch * channels,
    ])
}

/// Each patch with its mean taken out and divided by its standard deviation (of a sample).
#[must_use]
pub fn normalised(patches: Tensor<3>) -> Tensor<3> {
    let values = patches.dims()[2];
    let centred = patches.clone() - patches.mean_dim(2);
    let variance = centred.clone().powi_scalar(2).sum_dim(2) / (values.max(2) - 1) as f64;
    centred / (variance + VARIANCE_FLOOR).sqrt()
}

/// The mean squared error of each image's masked patches, those where `mask` (`[batch, patches]`) is 1; `[batch]`. As many are masked in
/// each image, so that the mean of these is that of all patches.
#[must_use]
pub fn masked_errors(rebuilt: Tensor<3>, target: Tensor<3>, mask: Tensor<2>) -> Tensor<1> {
    let [batch, count, _] = rebuilt.dims();
    let errors = (rebuilt - target).powi_scalar(2).mean_dim(2).reshape([batch, count]);
    ((errors * mask.clone()).sum_dim(1) / mask.sum_dim(1)).reshape([batch])
}

#[cfg(test)]
mod tests {
    use super::*;
    use refcon_encoders::device;

    /// The definition in plain loops, in f64.
    fn plainly(
        images: &[f32],
        [batch, channels, side, patch]: [usize; 4],
        rebuilt: &[f32],
        mask: &[f32],
    ) -> f64 {
        let grid = side / patch;
        let values = patch * patch * channels;
        let (mut sum, mut masked) = (0.0, 0.0);
        for (number, &is_masked) in mask.iter().enumerate().take(batch * grid * grid) {
            let (image, place) = (number / (grid * grid), number % (grid * grid));
            let (top, left) = (place / grid * patch, place % grid * patch);
            let mut pixels = Vec::new();
            for row in 0..patch {
                for column in 0..patch {
                    for channel in 0..channels {
                        let at = ((image * channels + channel) * side + top + row) * side + left + column;
                        pixels.push(f64::from(images[at]));
                    }
                }
            }
            let mean = pixels.iter().sum::<f64>() / values as f64;
            let variance = pixels.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (values - 1) as f64;
            let error: f64 = pixels
                .iter()
                .zip(&rebuilt[number * values..])
                .map(|(p, &r)| ((p - mean) / (variance + 1e-6).sqrt() - f64::from(r)).powi(2))
                .sum();
            sum += f64::from(is_masked) * error / values as f64;
            masked += f64::from(is_masked);
        }
        sum / masked
    }

    #[test]
    fn the_loss_is_the_mean_squared_error_of_the_masked_patches_alone() {
        let [batch, channels, side, patch] = [2, 3, 8, 4];
        let number = |at: usize| ((at * 7919 + 13) % 101) as f32 / 101.0;
        let pixels: Vec<f32> = (0..batch * channels * side * side).map(number).collect();
        let count = (side / patch).pow(2);
        let rebuilt: Vec<f32> =
            (0..batch * count * patch * patch * channels).map(|at| number(at + 5) - 0.5).collect();
        let mask = [1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0];
        let device = device::cpu();
        let images =
            Tensor::<4>::from_data(TensorData::new(pixels.clone(), [batch, channels, side, side]), &device);
        let shape = [batch, count, patch * patch * channels];
        let losses = masked_errors(
            Tensor::from_data(TensorData::new(rebuilt.clone(), shape), &device),
            normalised(patches(images, patch)),
            Tensor::from_data(TensorData::new(mask.to_vec(), [batch, count]), &device),
        );
        let expected = plainly(&pixels, [batch, channels, side, patch], &rebuilt, &mask);
        assert_eq!(losses.dims(), [batch]);
        assert!((losses.mean().into_scalar::<f64>() - expected).abs() < 1e-5);
    }
}
