//! Claims about the preprocessing that hold for every image; `golden.rs` compares values with torchvision.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use proptest::prelude::*;
use refcon_image::{GreyImage, Preprocessing};

/// An image of this size whose pixels differ from their neighbours.
fn speckled(width: usize, height: usize, seed: u64) -> GreyImage {
    let level = |i: u64| ((i ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    let samples: Vec<u8> = (0..(width * height) as u64).map(level).collect();
    GreyImage::from_8bit(width, height, &samples).unwrap()
}

fn transposed(image: &GreyImage) -> GreyImage {
    let (width, height) = (image.width(), image.height());
    let pixels = (0..width * height).map(|i| image.pixels()[(i % height) * width + i / height]).collect();
    GreyImage::new(height, width, pixels).unwrap()
}

fn largest_difference(a: &GreyImage, b: &GreyImage) -> f32 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    a.pixels().iter().zip(b.pixels()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_size_gives_a_square_of_finite_values(
        width in 1usize..400, height in 1usize..400, contrast in 0.0f32..20.0, shorter in 1u32..300, crop in 1u32..300,
    ) {
        let preprocessing = Preprocessing::new(contrast, shorter, crop).unwrap();
        let input = preprocessing.apply(&speckled(width, height, 1));
        prop_assert_eq!((input.width(), input.height()), (crop as usize, crop as usize));
        // Catmull-Rom overshoots by at most a quarter a direction, so by 9/16 of the range in two.
        prop_assert!(input.pixels().iter().all(|v| (-0.5626..=1.5626).contains(v)));
    }

    #[test]
    fn a_constant_image_stays_constant(width in 1usize..400, height in 1usize..400, level in 0u8..=255) {
        let image = GreyImage::from_8bit(width, height, &vec![level; width * height]).unwrap();
        let input = Preprocessing::default().apply(&image);
        // torchvision's grey weights add up to 0.9999: ten times the value minus nine times that of it.
        let expected = (f32::from(level) / 255.0 * (10.0 - 9.0 * 0.9999)).min(1.0);
        for value in input.pixels() {
            prop_assert!((value - expected).abs() < 1e-5, "{value} {expected}");
        }
    }

    #[test]
    fn contrast_1_changes_nothing(width in 1usize..100, height in 1usize..100, seed: u64) {
        let image = speckled(width, height, seed);
        let steps = Preprocessing::new(1.0, 256, 224).unwrap().steps(&image);
        prop_assert_eq!(&steps[2].image, &image);
    }

    #[test]
    fn contrast_0_leaves_the_mean(width in 1usize..60, height in 1usize..60, seed: u64) {
        let image = speckled(width, height, seed);
        let steps = Preprocessing::new(0.0, 256, 224).unwrap().steps(&image);
        let mean = image.pixels().iter().sum::<f32>() / image.pixels().len() as f32;
        for value in steps[2].image.pixels() {
            prop_assert!((value - 0.9999 * mean).abs() < 1e-5);
        }
    }

    #[test]
    fn the_part_that_is_computed_equals_that_part_of_the_whole(
        width in 1usize..400, height in 1usize..400, shorter in 1u32..300, crop in 1u32..300,
    ) {
        prop_assume!(width.max(height) <= 3 * width.min(height));
        let steps = Preprocessing::new(10.0, shorter, crop).unwrap().steps(&speckled(width, height, 2));
        let (resized, cropped) = (&steps[3], &steps[4].image);
        let size = (resized.image.width(), resized.image.height());
        prop_assert_eq!(resized.full_size, (size.0 as u64, size.1 as u64));
        // Python's round of a half, and zeros where the crop is the larger.
        let crop = crop as i64;
        let first = |side: usize| {
            let excess = side as i64 - crop;
            if excess >= 0 { (excess as f64 / 2.0).round_ties_even() as i64 } else { -(-excess / 2) }
        };
        let (left, top) = (first(size.0), first(size.1));
        for y in 0..crop {
            for x in 0..crop {
                let (column, row) = (x + left, y + top);
                let inside = (0..size.0 as i64).contains(&column) && (0..size.1 as i64).contains(&row);
                let expected =
                    if inside { resized.image.pixels()[row as usize * size.0 + column as usize] } else { 0.0 };
                let found = cropped.pixels()[(y * crop + x) as usize];
                prop_assert!((found - expected).abs() < 2e-6, "{found} {expected} at {x}, {y}");
            }
        }
    }

    #[test]
    fn turning_the_image_turns_the_result(width in 1usize..300, height in 1usize..300) {
        let image = speckled(width, height, 3);
        let preprocessing = Preprocessing::default();
        let turned = preprocessing.apply(&transposed(&image));
        let difference = largest_difference(&turned, &transposed(&preprocessing.apply(&image)));
        prop_assert!(difference < 1e-5, "{difference}");
    }
}

#[test]
fn strips_of_16384_pixels_are_cropped_without_the_gigabytes_between() {
    for (width, height) in [(1, 16_384), (16_384, 1), (2, 16_383)] {
        let input = Preprocessing::default().apply(&speckled(width, height, 4));
        assert_eq!((input.width(), input.height()), (224, 224));
    }
    let steps = Preprocessing::default().steps(&speckled(16_384, 1, 4));
    assert_eq!(steps[3].full_size, (256 * 16_384, 256));
    assert!(steps[3].image.width() <= 1024);
}

#[test]
fn the_steps_are_named_and_end_in_the_input() {
    let image = speckled(118, 143, 5);
    let preprocessing = Preprocessing::default();
    let steps = preprocessing.steps(&image);
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        ["Original", "Scaled 0–1", "Contrast ×10", "Resized, shorter side 256", "Centre crop 224"]
    );
    assert_eq!(steps[3].full_size, (256, 310));
    assert_eq!(steps[4].image, preprocessing.apply(&image));
}

#[test]
fn a_preprocessing_comes_back_from_its_file() {
    let preprocessing = Preprocessing::new(15.0, 518, 448).unwrap();
    let text = serde_json::to_string(&preprocessing).unwrap();
    assert_eq!(text, r#"{"contrast":15.0,"resize_shorter_side":518,"crop":448}"#);
    assert_eq!(serde_json::from_str::<Preprocessing>(&text).unwrap(), preprocessing);
}

#[test]
fn a_preprocessing_without_sense_is_refused_in_memory_and_in_a_file() {
    for (contrast, shorter, crop) in [
        (-1.0, 256, 224),
        (f32::NAN, 256, 224),
        (f32::INFINITY, 256, 224),
        (10.0, 0, 224),
        (10.0, 256, 0),
        (10.0, 256, 16_385),
    ] {
        assert!(Preprocessing::new(contrast, shorter, crop).is_err(), "{contrast} {shorter} {crop}");
    }
    let refused =
        serde_json::from_str::<Preprocessing>(r#"{"contrast":10,"resize_shorter_side":256,"crop":0}"#);
    assert!(refused.unwrap_err().to_string().contains("a crop of 0 pixels: expected 1 to 16384"));
}
