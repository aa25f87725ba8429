//! A tile's way to the model's input in training: the encoder's preprocessing, or the challenge's random crops.

use crate::config::Augmentation;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use refcon_image::augment::{CropBox, adjust_contrast, autocontrast, flip_left_right, resized_crop};
use refcon_image::{GreyImage, Preprocessing};

/// Tries at a crop that fits before the whole tile's centre is taken, as in torchvision.
const TRIES: usize = 10;

/// The model's input for a tile, before mean and standard deviation: a square of the preprocessing's crop.
#[must_use]
pub fn input(
    augmentation: &Augmentation,
    preprocessing: &Preprocessing,
    tile: &GreyImage,
    draw: &mut ChaCha8Rng,
) -> GreyImage {
    let Augmentation::Crops { contrast, scale, ratio, autocontrast: stretched, flip } = augmentation else {
        return preprocessing.apply(tile);
    };
    let contrasted = adjust_contrast(tile, contrast.unwrap_or(preprocessing.contrast()));
    let crop = random_crop([tile.width(), tile.height()], *scale, *ratio, draw);
    let mut square = resized_crop(&contrasted, crop, preprocessing.crop());
    if draw.random::<f64>() < *stretched {
        square = autocontrast(&square);
    }
    if draw.random::<f64>() < *flip {
        square = flip_left_right(&square);
    }
    square
}

/// A rectangle of a random share of the area and a random ratio of its sides (`RandomResizedCrop.get_params` of torchvision 0.17).
pub(crate) fn random_crop(
    [width, height]: [usize; 2],
    scale: [f64; 2],
    ratio: [f64; 2],
    draw: &mut ChaCha8Rng,
) -> CropBox {
    let between = |draw: &mut ChaCha8Rng, [low, high]: [f64; 2]| low + (high - low) * draw.random::<f64>();
    let area = (width * height) as f64;
    for _ in 0..TRIES {
        let share = area * between(draw, scale);
        let aspect = between(draw, ratio.map(f64::ln)).exp();
        let (w, h) = ((share * aspect).sqrt().round() as usize, (share / aspect).sqrt().round() as usize);
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let top = draw.random_range(0..=height - h);
            let left = draw.random_range(0..=width - w);
            return CropBox { left, top, width: w, height: h };
        }
    }
    let of_tile = width as f64 / height as f64;
    let (w, h) = match of_tile {
        narrow if narrow < ratio[0] => (width, (width as f64 / ratio[0]).round() as usize),
        wide if wide > ratio[1] => ((height as f64 * ratio[1]).round() as usize, height),
        _ => (width, height),
    };
    let (w, h) = (w.clamp(1, width), h.clamp(1, height));
    CropBox { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn crops_lie_inside_the_tile_and_have_the_shares_and_ratios_asked_for() {
        for number in 0..500 {
            let mut draw = stream(1, Purpose::Augmentation, [number, 0]);
            let crop = random_crop([118, 143], [0.08, 1.0], [0.75, 4.0 / 3.0], &mut draw);
            assert!(crop.left + crop.width <= 118 && crop.top + crop.height <= 143, "{crop:?}");
            let share = (crop.width * crop.height) as f64 / (118.0 * 143.0);
            let ratio = crop.width as f64 / crop.height as f64;
            assert!((0.07..=1.0).contains(&share) && (0.7..=1.4).contains(&ratio), "{crop:?}");
        }
    }

    #[test]
    fn a_strip_gets_the_centre_that_torchvision_takes() {
        let mut draw = stream(1, Purpose::Augmentation, [0, 0]);
        let crop = random_crop([400, 20], [0.9, 1.0], [0.75, 4.0 / 3.0], &mut draw);
        assert_eq!(crop, CropBox { left: 186, top: 0, width: 27, height: 20 });
    }

    #[test]
    fn a_place_gives_the_same_input_every_time() {
        let tile = GreyImage::new(50, 60, (0..3000).map(|at| (at % 37) as f32 / 37.0).collect()).unwrap();
        let preprocessing = Preprocessing::new(15.0, 32, 28).unwrap();
        let crops = Augmentation::Crops {
            contrast: None,
            scale: [0.3, 1.0],
            ratio: [0.75, 1.33],
            autocontrast: 0.5,
            flip: 0.5,
        };
        let made =
            |number| input(&crops, &preprocessing, &tile, &mut stream(1, Purpose::Augmentation, [number, 0]));
        assert_eq!((made(3), made(3).width()), (made(3), 28));
        assert_ne!(made(3), made(4));
    }
}
