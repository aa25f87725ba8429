//! What a model sees of a tile in pretraining: random crops and changes that leave a section a section.

use super::config::Views;
use crate::augmentation::random_crop;
use crate::error::TrainError;
use crate::random::normal;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use refcon_image::augment::{
    add, change_frequencies, flip_left_right, lose_traces, resized_crop, reverse_polarity, scale_amplitudes,
};
use refcon_image::{GreyImage, Preprocessing};

/// A square of `side` pixels drawn from a tile: `scale` is the least and greatest share of its area.
pub(super) fn random_view(
    views: &Views,
    tile: &GreyImage,
    scale: [f64; 2],
    side: u32,
    draw: &mut ChaCha8Rng,
) -> GreyImage {
    let crop = random_crop([tile.width(), tile.height()], scale, views.ratio, draw);
    // The tile's own samples: a crop is enlarged, and has no frequencies near its highest one.
    let filtered = (views.frequency > 0.0).then(|| change_frequencies(tile, factor(views.frequency, draw)));
    let mut view = resized_crop(filtered.as_ref().unwrap_or(tile), crop, side);
    if draw.random::<f64>() < views.flip {
        view = flip_left_right(&view);
    }
    if views.polarity > 0.0 && draw.random::<f64>() < views.polarity {
        view = reverse_polarity(&view);
    }
    if views.amplitude > 0.0 {
        view = scale_amplitudes(&view, factor(views.amplitude, draw));
    }
    if views.noise > 0.0 {
        view = add(&view, || views.noise as f32 * normal(draw));
    }
    if views.lost_traces > 0.0 {
        view = lose_traces(&view, || draw.random::<f64>() < views.lost_traces);
    }
    view
}

/// A factor from `1 / (1 + most)` to `1 + most`, as often above 1 as below.
fn factor(most: f64, draw: &mut ChaCha8Rng) -> f32 {
    ((1.0 + most).ln() * (2.0 * draw.random::<f64>() - 1.0)).exp() as f32
}

/// How the pretrained encoder is to see tiles: the shorter side as long as its input, the middle of the longer one, contrast as it is.
pub(super) fn preprocessing(side: usize) -> Result<Preprocessing, TrainError> {
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    Preprocessing::new(1.0, side, side)
        .map_err(|error| TrainError::Setting(format!("model.image_size: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    /// Dark above, bright below, and brighter to the right.
    fn tile() -> GreyImage {
        let level = |at: usize| 0.2 + 0.5 * (at / 40) as f32 / 40.0 + 0.1 * (at % 40) as f32 / 40.0;
        GreyImage::new(40, 40, (0..1600).map(level).collect()).unwrap()
    }

    fn mean_of_rows(view: &GreyImage, rows: std::ops::Range<usize>) -> f32 {
        let pixels = &view.pixels()[rows.start * view.width()..rows.end * view.width()];
        pixels.iter().sum::<f32>() / pixels.len() as f32
    }

    #[test]
    fn no_view_is_upside_down_and_polarity_changes_only_where_it_is_asked_for() {
        let all = Views { amplitude: 0.3, frequency: 0.5, noise: 0.02, lost_traces: 0.1, ..Views::default() };
        for number in 0..200 {
            let mut draw = stream(1, Purpose::Augmentation, [number, 0]);
            let view = random_view(&all, &tile(), all.scale, 24, &mut draw);
            assert!(mean_of_rows(&view, 0..8) < mean_of_rows(&view, 16..24), "{number}");
        }
        let asked = Views { polarity: 0.5, ..all };
        let reversed = (0..200).filter(|&number| {
            let mut draw = stream(1, Purpose::Augmentation, [number, 0]);
            let view = random_view(&asked, &tile(), asked.scale, 24, &mut draw);
            mean_of_rows(&view, 0..8) > mean_of_rows(&view, 16..24)
        });
        assert!((70..130).contains(&reversed.count()));
    }
}
