//! What a model sees of a tile in pretraining: random crops and changes that leave a section a section.

use super::config::Views;
use crate::augmentation::random_crop;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use refcon_image::augment::{add, flip_left_right, lose_traces, resized_crop, scale_amplitudes};
use refcon_image::{GreyImage, Preprocessing, PreprocessingError};

/// A square of `side` pixels drawn from a tile.
pub(super) fn random_view(views: &Views, tile: &GreyImage, side: u32, draw: &mut ChaCha8Rng) -> GreyImage {
    let crop = random_crop([tile.width(), tile.height()], views.scale, views.ratio, draw);
    let mut view = resized_crop(tile, crop, side);
    if draw.random::<f64>() < views.flip {
        view = flip_left_right(&view);
    }
    if views.amplitude > 0.0 {
        let most = (1.0 + views.amplitude).ln();
        view = scale_amplitudes(&view, (most * (2.0 * draw.random::<f64>() - 1.0)).exp() as f32);
    }
    if views.noise > 0.0 {
        view = add(&view, || views.noise as f32 * normal(draw));
    }
    if views.lost_traces > 0.0 {
        view = lose_traces(&view, || draw.random::<f64>() < views.lost_traces);
    }
    view
}

/// A normally distributed number (Box & Muller, 1958).
fn normal(draw: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - draw.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * draw.random::<f32>()).cos()
}

/// How the pretrained encoder is to see tiles: the shorter side as long as its input, the middle of the longer one, contrast as it is.
pub(super) fn preprocessing(side: u32) -> Result<Preprocessing, PreprocessingError> {
    Preprocessing::new(1.0, side, side)
}
