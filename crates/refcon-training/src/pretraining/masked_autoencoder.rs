//! Pretraining of a masked autoencoder as a task of the loop.
//!
//! He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022 (arXiv 2111.06377).

use super::config::PretrainConfig;
use super::permutation::Permutation;
use super::pool::TilePool;
use super::views::{preprocessing, random_view};
use crate::error::TrainError;
use crate::fit::{BatchLoss, Plan, Position, Task};
use crate::random::{Purpose, stream};
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
    pub(super) config: PretrainConfig,
    pub(super) pool: TilePool,
    /// Which tiles are held out: those that the first numbers go to.
    pub(super) shuffled: Permutation,
    pub(super) held_out: usize,
    pub(super) encoder: Architecture,
    pub(super) decoder: DecoderArchitecture,
    /// With gradients.
    pub(super) device: Device,
    /// Folders of test data among the tiles.
    pub(super) test_data: Vec<String>,
}

impl MaskedPretraining {
    /// Tiles that are learned from, and held out.
    #[must_use]
    pub fn tiles(&self) -> [usize; 2] {
        [self.pool.count() - self.held_out, self.held_out]
    }

    /// Patches that the encoder sees of an image.
    #[must_use]
    pub fn seen(&self) -> usize {
        let patches = self.encoder.patches();
        ((patches as f64 * (1.0 - self.config.masked)).round() as usize).clamp(1, patches)
    }

    /// How the loop goes.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan {
            optimiser: self.config.scaled_optimiser(),
            schedule: self.config.schedule.clone(),
            stopping: self.config.stopping.clone(),
            validate_every: self.config.validate_every_epochs,
            measure: MEASURE.into(),
            smaller_is_better: true,
            checkpoint_every: self.config.checkpoint_every_steps,
        }
    }

    /// Numbers of the tiles of a batch.
    fn batch(&self, at: Position) -> Vec<usize> {
        let training = self.pool.count() - self.held_out;
        let order = Permutation::draw(training, &mut stream(self.config.seed, Purpose::Order, [at.epoch, 0]));
        let first = at.batch as usize * self.config.batch;
        let last = (first + self.config.batch).min(training);
        (first..last).map(|place| self.shuffled.at(self.held_out + order.at(place))).collect()
    }

    /// Random numbers, one a patch of each image.
    fn noise(&self, images: usize, place: [u64; 2], device: &Device) -> Tensor<2> {
        let mut draw = stream(self.config.seed, Purpose::Masking, place);
        let shape = [images, self.encoder.patches()];
        let values = (0..shape[0] * shape[1]).map(|_| draw.random::<f32>()).collect::<Vec<f32>>();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn loss_of(
        &self,
        network: &MaskedAutoencoder,
        views: &[GreyImage],
        place: [u64; 2],
        device: &Device,
    ) -> Tensor<1> {
        let images = images(views, self.encoder.channels, device);
        let noise = self.noise(views.len(), place, device);
        let rebuilt = network.reconstruct(images.clone(), noise, self.seen());
        let target = patches(images, self.encoder.patch_size);
        let target = if self.config.normalised_targets { normalised(target) } else { target };
        masked_error(rebuilt.patches, target, rebuilt.mask)
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
        (self.pool.count() - self.held_out).div_ceil(self.config.batch)
    }

    fn loss(&self, network: &MaskedAutoencoder, at: Position) -> Result<BatchLoss, TrainError> {
        let tiles = self.batch(at);
        let side = self.encoder.image_size as u32;
        let views = tiles.par_iter().map(|&tile| {
            let mut draw = stream(self.config.seed, Purpose::Augmentation, [at.epoch, tile as u64]);
            Ok(random_view(&self.config.views, &self.pool.read(tile)?, side, &mut draw))
        });
        let views = views.collect::<Result<Vec<GreyImage>, TrainError>>()?;
        let loss = self.loss_of(network, &views, [at.epoch + 1, at.batch], &self.device);
        let files = tiles.iter().map(|&tile| self.pool.name(tile)).collect();
        Ok(BatchLoss { loss: Some(loss), files, parts: Vec::new() })
    }

    /// The loss of the held-out tiles, whole and with the same masks every time.
    fn validate(&self, network: &MaskedAutoencoder) -> Result<Vec<(String, f64)>, TrainError> {
        if self.held_out == 0 {
            return Ok(Vec::new());
        }
        let device = self.device.clone().inner();
        let preprocessing = self.preprocessing()?;
        let mut sum = 0.0;
        for first in (0..self.held_out).step_by(VALIDATION_BATCH) {
            let places = first..(first + VALIDATION_BATCH).min(self.held_out);
            let views = places
                .clone()
                .into_par_iter()
                .map(|place| Ok(preprocessing.apply(&self.pool.read(self.shuffled.at(place))?)));
            let views = views.collect::<Result<Vec<GreyImage>, TrainError>>()?;
            // Epochs count from 1 in training: these masks are no batch's.
            let loss = rayon::scope(|_| {
                self.loss_of(network, &views, [0, first as u64], &device).into_scalar::<f64>()
            });
            sum += loss * places.len() as f64;
        }
        Ok(vec![(MEASURE.into(), sum / self.held_out as f64)])
    }

    fn write_encoder(&self, network: &MaskedAutoencoder, folder: &Path) -> Result<(), TrainError> {
        let file = EncoderFile {
            preprocessing: Some(self.preprocessing()?),
            pooling: Some(Pooling::PatchMean),
            heads: Some(self.encoder.heads),
            decoder_heads: Some(self.decoder.blocks.heads),
            trained_on_test_data: self.test_data.clone(),
            ..EncoderFile::default()
        };
        Ok(export_masked_autoencoder(network, &self.encoder, &self.decoder, Some(&file), folder)?)
    }
}

impl MaskedPretraining {
    fn preprocessing(&self) -> Result<refcon_image::Preprocessing, TrainError> {
        preprocessing(self.encoder.image_size as u32)
            .map_err(|error| TrainError::Setting(format!("model.image_size: {error}")))
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

/// The mean squared error of the masked patches, those where `mask` (`[batch, patches]`) is 1.
#[must_use]
pub fn masked_error(rebuilt: Tensor<3>, target: Tensor<3>, mask: Tensor<2>) -> Tensor<1> {
    let [batch, count, _] = rebuilt.dims();
    let errors = (rebuilt - target).powi_scalar(2).mean_dim(2).reshape([batch, count]);
    (errors * mask.clone()).sum() / mask.sum()
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
        let mask = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0];
        let device = device::cpu();
        let images =
            Tensor::<4>::from_data(TensorData::new(pixels.clone(), [batch, channels, side, side]), &device);
        let shape = [batch, count, patch * patch * channels];
        let loss = masked_error(
            Tensor::from_data(TensorData::new(rebuilt.clone(), shape), &device),
            normalised(patches(images, patch)),
            Tensor::from_data(TensorData::new(mask.to_vec(), [batch, count]), &device),
        );
        let expected = plainly(&pixels, [batch, channels, side, patch], &rebuilt, &mask);
        assert!((loss.into_scalar::<f64>() - expected).abs() < 1e-5);
    }
}
