//! Sections and volumes that are pictures.

use crate::fixtures::{Scratch, all_traces, assert_same, volume_on};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb};
use refcon_seismic::survey::ArrayAxes;
use refcon_seismic::{Direction, Survey, SurveyOptions};
use std::path::PathBuf;
use tiff::encoder::{TiffEncoder, colortype};

const WIDTH: usize = 5;
const HEIGHT: usize = 4;

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn grey(value: impl Fn(u32, u32) -> u8) -> DynamicImage {
    GrayImage::from_fn(WIDTH as u32, HEIGHT as u32, |x, y| Luma([value(x, y)])).into()
}

fn float_tiff(amplitudes: &[f32], pages: usize) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    for _ in 0..pages {
        encoder.write_image::<colortype::Gray32Float>(WIDTH as u32, HEIGHT as u32, amplitudes).unwrap();
    }
    bytes.into_inner()
}

fn open(path: &std::path::Path) -> Survey {
    Survey::open(path, &SurveyOptions::default()).unwrap()
}

fn section_of(bytes: &[u8]) -> Vec<f32> {
    let scratch = Scratch::new();
    let survey = open(&scratch.file("picture", bytes));
    survey.read_section(Direction::Inline, 0).unwrap().amplitudes
}

#[test]
fn an_image_is_a_section_whose_rows_are_samples() {
    let scratch = Scratch::new();
    let image = grey(|x, y| (10 * y + x) as u8);
    let axes = ArrayAxes { first_crossline: 7, sample_interval: 4.0, ..ArrayAxes::default() };
    for (name, format) in [("a.png", ImageFormat::Png), ("a.tif", ImageFormat::Tiff)] {
        let path = scratch.file(name, &encoded(&image, format));
        let survey = Survey::open(&path, &SurveyOptions { axes, ..SurveyOptions::default() }).unwrap();
        let section = survey.read_section(Direction::Inline, 0).unwrap();
        assert_eq!((section.samples.count, section.traces.count), (HEIGHT, WIDTH));
        assert_eq!((section.traces.first, section.samples.interval), (7, 4.0));
        assert_eq!(section.amplitudes[2 * WIDTH + 3], (2.0 * 23.0 - 255.0) / 255.0);
        let traces = all_traces(&survey);
        assert_eq!(traces[3 * HEIGHT + 2], section.amplitudes[2 * WIDTH + 3]);
        assert_eq!(traces.len() as u64, survey.trace_count() * HEIGHT as u64);
        assert!(survey.read_time_slice(0).is_err());
    }
}

#[test]
fn black_is_minus_one_white_one_and_the_middle_greys_lie_around_zero() {
    let eight = |value: u8| section_of(&encoded(&grey(|_, _| value), ImageFormat::Png))[0];
    assert_eq!([0, 255].map(eight), [-1.0, 1.0]);
    assert_eq!([127, 128].map(eight), [-1.0 / 255.0, 1.0 / 255.0]);
    let sixteen = |value: u16| {
        let image = ImageBuffer::from_pixel(WIDTH as u32, HEIGHT as u32, Luma([value]));
        section_of(&encoded(&DynamicImage::ImageLuma16(image), ImageFormat::Tiff))[0]
    };
    assert_eq!([0, 65_535].map(sixteen), [-1.0, 1.0]);
    assert_eq!([32_767, 32_768].map(sixteen), [-1.0 / 65_535.0, 1.0 / 65_535.0]);
}

#[test]
fn colours_become_grey_by_luma() {
    let colour = |rgb: [u8; 3]| {
        let image = ImageBuffer::from_pixel(WIDTH as u32, HEIGHT as u32, Rgb(rgb));
        (section_of(&encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Png))[0] * 255.0 + 255.0) / 2.0
    };
    // What Pillow's convert("L") gives.
    let grey = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90]].map(colour).map(f32::round);
    assert_eq!(grey, [76.0, 150.0, 29.0, 90.0]);
    let deep = ImageBuffer::from_pixel(WIDTH as u32, HEIGHT as u32, Rgb([0, 65_535_u16, 0]));
    let amplitude = section_of(&encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png))[0];
    assert!((amplitude - (2.0 * 0.587 - 1.0)).abs() < 1e-4, "{amplitude}");
}

#[test]
fn a_jpeg_is_read_and_a_cut_one_refused() {
    let bytes = encoded(&grey(|_, _| 200), ImageFormat::Jpeg);
    assert!(section_of(&bytes).iter().all(|amplitude| (amplitude - 145.0 / 255.0).abs() < 0.02));
    let scratch = Scratch::new();
    let path = scratch.file("a.jpg", &bytes[..bytes.len() - 2]);
    let read = Survey::open(&path, &SurveyOptions::default())
        .and_then(|survey| survey.read_section(Direction::Inline, 0).map(|_| ()));
    assert!(read.unwrap_err().to_string().contains("cut off"));
}

#[test]
fn floats_of_a_tiff_are_amplitudes_as_they_are() {
    let amplitudes: Vec<f32> = (0..WIDTH * HEIGHT).map(|n| n as f32 * -1234.5).collect();
    assert_eq!(section_of(&float_tiff(&amplitudes, 1)), amplitudes);
    let scratch = Scratch::new();
    let path = scratch.file("pages.tif", &float_tiff(&amplitudes, 2));
    let message = Survey::open(&path, &SurveyOptions::default()).unwrap_err().to_string();
    assert!(message.contains("several images"), "{message}");
}

/// A folder of the images `names`, whose amplitudes tell their place, and the volume that they are in this order.
fn folder_of(scratch: &Scratch, names: &[&str]) -> (PathBuf, Vec<f32>) {
    let mut volume = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let rows: Vec<f32> = (0..WIDTH * HEIGHT).map(|place| (100 * index + place) as f32).collect();
        for trace in 0..WIDTH {
            volume.extend(rows.iter().skip(trace).step_by(WIDTH));
        }
        scratch.file(name, &float_tiff(&rows, 1));
    }
    scratch.file("notes.txt", b"not an image");
    scratch.file(".hidden.png", b"not an image either");
    (scratch.folder().to_owned(), volume)
}

#[test]
fn a_folder_of_images_is_a_volume_in_the_order_of_their_numbers() {
    let scratch = Scratch::new();
    let (folder, amplitudes) = folder_of(&scratch, &["il8.tif", "il10.TIF", "il12.tiff"]);
    let survey = open(&folder);
    let inlines = survey.lines(Direction::Inline).unwrap();
    assert_eq!((inlines.first, inlines.step, inlines.count), (8, 2, 3));
    assert_same(&survey, &volume_on(&survey, amplitudes));
}

#[test]
fn images_without_even_numbers_are_counted_from_the_first_inline_given() {
    let scratch = Scratch::new();
    let (folder, amplitudes) = folder_of(&scratch, &["a1.tif", "a2.tif", "a4.tif"]);
    let axes = ArrayAxes { first_inline: 40, inline_step: -10, ..ArrayAxes::default() };
    let survey = Survey::open(&folder, &SurveyOptions { axes, ..SurveyOptions::default() }).unwrap();
    let inlines = survey.lines(Direction::Inline).unwrap();
    assert_eq!((inlines.first, inlines.step, inlines.count), (40, -10, 3));
    assert_same(&survey, &volume_on(&survey, amplitudes));
}

#[test]
fn images_of_different_sizes_are_refused_with_both_names_and_sizes() {
    let scratch = Scratch::new();
    let (folder, _) = folder_of(&scratch, &["a1.tif", "a2.tif"]);
    scratch.file("a3.png", &encoded(&DynamicImage::new_luma8(7, 3), ImageFormat::Png));
    let message = Survey::open(&folder, &SurveyOptions::default()).unwrap_err().to_string();
    for part in ["a1.tif", "5 × 4", "a3.png", "7 × 3"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_folder_without_a_survey_is_refused_with_what_it_could_hold() {
    let scratch = Scratch::new();
    scratch.file("notes.txt", b"not an image");
    let message = Survey::open(scratch.folder(), &SurveyOptions::default()).unwrap_err().to_string();
    assert!(message.contains("PNG, TIFF, JPEG") && message.contains("zarr.json"), "{message}");
}

#[test]
fn an_image_that_claims_to_be_huge_is_refused_before_it_is_decoded() {
    let scratch = Scratch::new();
    let mut png = encoded(&grey(|_, _| 0), ImageFormat::Png);
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let checksum = checksum_of(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    let message =
        Survey::open(&scratch.file("a.png", &png), &SurveyOptions::default()).unwrap_err().to_string();
    assert!(message.contains("claims 60000 × 60000"), "{message}");
}

fn checksum_of(bytes: &[u8]) -> u32 {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    checksum.sum()
}

#[test]
fn no_cut_or_changed_image_makes_it_panic() {
    let rows: Vec<f32> = (0..WIDTH * HEIGHT).map(|place| place as f32).collect();
    let image = grey(|x, y| (10 * y + x) as u8);
    let files = [
        ("a.png", encoded(&image, ImageFormat::Png)),
        ("a.jpg", encoded(&image, ImageFormat::Jpeg)),
        ("a.tif", encoded(&image, ImageFormat::Tiff)),
        ("b.tif", float_tiff(&rows, 1)),
    ];
    let read = |name: &str, bytes: &[u8]| {
        let scratch = Scratch::new();
        let survey = Survey::open(&scratch.file(name, bytes), &SurveyOptions::default())?;
        survey.read_section(Direction::Inline, 0)
    };
    for (name, bytes) in files {
        for length in 0..bytes.len() {
            // The last bytes of a file may not matter; nearly all of them do.
            let refused = read(name, &bytes[..length]).is_err();
            assert!(refused || length + 16 > bytes.len() || name.ends_with("tif"), "{name}, {length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0xff;
            let _ = read(name, &changed);
        }
    }
}
