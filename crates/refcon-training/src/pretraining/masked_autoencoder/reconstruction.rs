//! What a masked autoencoder makes of tiles, as pictures.

use super::task::{images, patches};
use crate::error::TrainError;
use crate::pretraining::views::preprocessing;
use crate::random::{Purpose, stream};
use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use refcon_encoders::{MaskedAutoencoder, device};
use refcon_image::GreyImage;
use std::path::Path;

/// Grey of what is masked.
const MASKED: f32 = 0.5;

/// Added to a patch's variance, as in training.
const VARIANCE_FLOOR: f32 = 1e-6;

/// A tile as the model saw it and as it rebuilt it; squares of its input's size.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// All of it.
    pub original: GreyImage,
    /// Grey where it was masked.
    pub masked: GreyImage,
    /// What was masked, rebuilt, among what was not.
    pub rebuilt: GreyImage,
}

/// Masks a share of each tile's patches and rebuilds them with the checkpoint of a masked autoencoder. The same seed masks the same
/// patches.
///
/// A model that learned normalised patches says nothing of their mean and deviation: those are the original's, as the paper's pictures
/// have it.
///
/// # Errors
/// When the checkpoint cannot be opened or has no decoder.
pub fn rebuild(
    checkpoint: &Path,
    tiles: &[GreyImage],
    masked: f64,
    seed: u64,
) -> Result<Vec<Rebuilt>, TrainError> {
    let (model, sizes) = MaskedAutoencoder::open(checkpoint, &device::cpu())?;
    let (side, patch, channels) = (sizes.blocks.image_size, sizes.blocks.patch_size, sizes.blocks.channels);
    let setting =
        |error: &dyn std::fmt::Display| TrainError::Setting(format!("{}: {error}", checkpoint.display()));
    let preprocessing = preprocessing(side)?;
    let count = sizes.blocks.patches();
    let seen = ((count as f64 * (1.0 - masked)).round() as usize).clamp(1, count);
    let rebuild_one = |(number, tile): (usize, &GreyImage)| {
        let original = preprocessing.apply(tile);
        let input = images(std::slice::from_ref(&original), channels, &device::cpu());
        let mut draw = stream(seed, Purpose::Masking, [number as u64, 0]);
        let noise: Vec<f32> = (0..count).map(|_| draw.random()).collect();
        let noise = Tensor::<2>::from_data(TensorData::new(noise, [1, count]), &device::cpu());
        let (mask, made) = rayon::scope(|_| {
            let made = model.reconstruct(input.clone(), noise, seen);
            (floats(&made.mask.into_data()), floats(&made.patches.into_data()))
        });
        let pixels = floats(&patches(input, patch).into_data());
        let mut masked = pixels.clone();
        let mut rebuilt = pixels.clone();
        let values = patch * patch * channels;
        for (place, _) in mask.iter().enumerate().filter(|(_, mask)| **mask > 0.5) {
            let whole = place * values..(place + 1) * values;
            masked[whole.clone()].fill(MASKED);
            rebuilt[whole.clone()].copy_from_slice(&made[whole.clone()]);
            if sizes.normalised_patches {
                let (mean, deviation) = mean_and_deviation(&pixels[whole.clone()]);
                rebuilt[whole].iter_mut().for_each(|value| *value = *value * deviation + mean);
            }
        }
        let [masked, rebuilt] = [masked, rebuilt].map(|pixels| square(&pixels, side, patch, channels));
        let picture = |pixels| GreyImage::new(side, side, pixels).map_err(|error| setting(&error));
        Ok(Rebuilt { original, masked: picture(masked)?, rebuilt: picture(rebuilt)? })
    };
    tiles.iter().enumerate().map(rebuild_one).collect()
}

fn floats(data: &TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}

fn mean_and_deviation(values: &[f32]) -> (f32, f32) {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / (count - 1.0).max(1.0);
    (mean, (variance + VARIANCE_FLOOR).sqrt())
}

/// Patches back in their places, the mean of their channels, within 0..1.
fn square(patches: &[f32], side: usize, patch: usize, channels: usize) -> Vec<f32> {
    let grid = side / patch;
    let mut pixels = vec![0.0; side * side];
    for (place, patch_pixels) in patches.chunks_exact(patch * patch * channels).enumerate() {
        let (top, left) = (place / grid * patch, place % grid * patch);
        for (inside, of_channels) in patch_pixels.chunks_exact(channels).enumerate() {
            let (row, column) = (top + inside / patch, left + inside % patch);
            pixels[row * side + column] = (of_channels.iter().sum::<f32>() / channels as f32).clamp(0.0, 1.0);
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_put_back_are_the_image() {
        let side = 8;
        let pixels: Vec<f32> = (0..side * side).map(|at| at as f32 / 64.0).collect();
        let image = GreyImage::new(side, side, pixels.clone()).unwrap();
        let input = images(&[image], 3, &device::cpu());
        let back = square(&floats(&patches(input, 4).into_data()), side, 4, 3);
        assert!(back.iter().zip(&pixels).all(|(a, b)| (a - b).abs() < 1e-6), "{back:?}");
    }
}
