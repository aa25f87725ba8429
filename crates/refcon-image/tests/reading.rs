//! What the pixels of a readable file become.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use refcon_image::{DecodeLimits, GreyImage, ImageSizeError, read};
use tempfile::TempDir;

/// Writes `image` under `name`, whose extension chooses the format, and reads it back.
fn read_back(name: &str, image: &DynamicImage) -> GreyImage {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    image.save(&path).unwrap();
    read(&path, &DecodeLimits::default()).unwrap()
}

#[test]
fn every_8_bit_grey_level_is_itself_over_255() {
    let levels: Vec<u8> = (0..=255).collect();
    let expected: Vec<f32> = levels.iter().map(|&v| f32::from(v) / 255.0).collect();
    let image = DynamicImage::ImageLuma8(ImageBuffer::from_raw(32, 8, levels.clone()).unwrap());
    for name in ["levels.png", "levels.tif"] {
        let read = read_back(name, &image);
        assert_eq!((read.width(), read.height()), (32, 8));
        assert_eq!(read.pixels(), expected, "{name}");
        assert_eq!(read.to_8bit(), levels, "{name}");
    }
}

#[test]
fn every_16_bit_grey_level_is_itself_over_65535() {
    let levels: Vec<u16> = (0..=65_535).collect();
    let expected: Vec<f32> = levels.iter().map(|&v| f32::from(v) / 65_535.0).collect();
    let image = DynamicImage::ImageLuma16(ImageBuffer::from_raw(256, 256, levels).unwrap());
    for name in ["levels.png", "levels.tif"] {
        assert_eq!(read_back(name, &image).pixels(), expected, "{name}");
    }
}

#[test]
fn equal_channels_are_the_grey_level_itself() {
    let rgb8 = ImageBuffer::from_fn(256, 1, |x, _| Rgb([x as u8; 3]));
    let expected: Vec<f32> = (0..=255_u8).map(|v| f32::from(v) / 255.0).collect();
    assert_eq!(read_back("a.png", &DynamicImage::ImageRgb8(rgb8)).pixels(), expected);

    let rgb16 = ImageBuffer::from_fn(256, 256, |x, y| Rgb([(y * 256 + x) as u16; 3]));
    let expected: Vec<f32> = (0..=65_535_u16).map(|v| f32::from(v) / 65_535.0).collect();
    for name in ["a.png", "a.tif"] {
        assert_eq!(read_back(name, &DynamicImage::ImageRgb16(rgb16.clone())).pixels(), expected, "{name}");
    }
}

#[test]
fn alpha_is_dropped() {
    let grey = DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(3, 2, LumaA([51, 7])));
    assert_eq!(read_back("a.png", &grey).pixels(), [0.2; 6]);
    let colour = DynamicImage::ImageRgba16(ImageBuffer::from_pixel(2, 1, Rgba([65_535, 65_535, 65_535, 1])));
    assert_eq!(read_back("a.png", &colour).pixels(), [1.0; 2]);
}

#[test]
fn sixteen_bit_colour_has_the_weights_of_bt_601() {
    for (rgb, weight) in [([65_535, 0, 0], 0.299), ([0, 65_535, 0], 0.587), ([0, 0, 65_535], 0.114)] {
        let image = DynamicImage::ImageRgb16(ImageBuffer::from_pixel(1, 1, Rgb(rgb)));
        let value = read_back("a.png", &image).pixels()[0];
        assert!((value - weight).abs() < 1e-5, "{value} {weight}");
    }
}

#[test]
fn the_content_decides_the_format_not_the_extension() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("really_a_png.jpg");
    let image = DynamicImage::ImageLuma8(ImageBuffer::from_pixel(4, 4, Luma([102])));
    image.save_with_format(&path, image::ImageFormat::Png).unwrap();
    assert_eq!(read(&path, &DecodeLimits::default()).unwrap().pixels(), [0.4; 16]);
}

#[test]
fn a_buffer_must_have_the_size_it_claims() {
    assert_eq!(
        GreyImage::new(3, 2, vec![0.0; 5]),
        Err(ImageSizeError::Length { width: 3, height: 2, found: 5 })
    );
    assert_eq!(GreyImage::from_8bit(0, 2, &[]), Err(ImageSizeError::Side { width: 0, height: 2 }));
    let overflowing = 1 << 31;
    assert!(matches!(GreyImage::new(overflowing, overflowing, Vec::new()), Err(ImageSizeError::Side { .. })));
    assert!(GreyImage::new(1, 1, vec![0.5]).is_ok());
}

#[test]
fn overshoot_is_clamped_only_on_the_way_to_8_bit() {
    let image = GreyImage::new(4, 1, vec![-0.2, 1.3, f32::NAN, 0.5]).unwrap();
    assert_eq!(image.pixels()[0], -0.2);
    assert_eq!(image.to_8bit(), [0, 255, 0, 128]);
}
