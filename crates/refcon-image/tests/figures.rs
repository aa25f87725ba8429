//! The figures: what they must show, whatever the images.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use refcon_image::figure::{
    Axis, Canvas, Pair, PairGroup, Rectangle, SectionPlot, class_gallery, encode_png, pairs,
    preprocess_steps, section,
};
use refcon_image::{ClassTiles, ColourMap, DecodeLimits, GreyImage, Preprocessing, read};
use tempfile::TempDir;

/// The colour of the frame that marks what the crop keeps.
const CROP_FRAME: [u8; 3] = [214, 84, 24];
const PAPER: [u8; 3] = [250, 250, 248];

fn stripes(width: usize, height: usize) -> GreyImage {
    let samples: Vec<u8> = (0..width * height).map(|i| ((i / width) * 40 + i % width) as u8).collect();
    GreyImage::from_8bit(width, height, &samples).unwrap()
}

fn count_pixels(canvas: &Canvas, wanted: impl Fn([u8; 3]) -> bool) -> usize {
    let (width, height) = (i64::from(canvas.width()), i64::from(canvas.height()));
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places.filter_map(|(x, y)| canvas.pixel(x, y)).filter(|&colour| wanted(colour)).count()
}

/// Nothing is drawn in the outermost pixels: no text or image runs out of the figure.
fn assert_margin_is_free(canvas: &Canvas, what: &str) {
    const FREE: i64 = 8;
    let (width, height) = (i64::from(canvas.width()), i64::from(canvas.height()));
    assert!(width > 4 * FREE && height > 4 * FREE);
    for y in 0..height {
        for x in 0..width {
            let inside = (FREE..width - FREE).contains(&x) && (FREE..height - FREE).contains(&y);
            assert!(
                inside || canvas.pixel(x, y) == Some(PAPER),
                "{what}: ink at {x}, {y} of {width} × {height}"
            );
        }
    }
}

#[test]
fn the_steps_of_any_image_fit_on_a_screen() {
    for (width, height) in
        [(1, 1), (99, 99), (118, 143), (2000, 3), (3, 2000), (1, 16_384), (640, 480), (2500, 1800)]
    {
        let name = "a_rather_long_file_name_".repeat(20);
        let canvas = preprocess_steps(&name, &stripes(width, height), &Preprocessing::default());
        assert!(canvas.width() < 3500 && canvas.height() < 1200, "{width} × {height}: {}", canvas.width());
        assert_margin_is_free(&canvas, &format!("{width} × {height}"));
        // Five panels: the smallest is still seen.
        let ink = count_pixels(&canvas, |colour| colour != PAPER);
        assert!(ink > 60_000, "{width} × {height}: {ink}");
    }
}

#[test]
fn a_frame_marks_what_the_crop_keeps() {
    let image = stripes(99, 99);
    let cropping = preprocess_steps("a", &image, &Preprocessing::default());
    // Shown 2 : 1, two pixels thick.
    assert_eq!(count_pixels(&cropping, |colour| colour == CROP_FRAME), 4 * 2 * (448 - 2));
    let keeping_all = preprocess_steps("a", &image, &Preprocessing::new(10.0, 224, 224).unwrap());
    assert_eq!(count_pixels(&keeping_all, |colour| colour == CROP_FRAME), 0);
}

#[test]
fn the_panels_show_the_pixels() {
    let white = GreyImage::from_8bit(99, 99, &[255; 99 * 99]).unwrap();
    let canvas = preprocess_steps("white", &white, &Preprocessing::default());
    let panels = 3 * 198 * 198 + 512 * 512 + 448 * 448 - 4 * 2 * (448 - 2);
    assert_eq!(count_pixels(&canvas, |colour| colour == [255; 3]), panels);
}

#[test]
fn a_gallery_has_a_column_for_each_of_1_to_20_classes() {
    let class = |name: String, tiles: Vec<GreyImage>| ClassTiles { name, count: 7 * tiles.len(), tiles };
    let mut last_width = 0;
    for count in [1, 2, 8, 20] {
        let mut classes: Vec<ClassTiles> =
            (0..count).map(|i| class(format!("Class_{i}"), vec![stripes(99, 99); 4])).collect();
        classes[0].name = "an_extremely_long_name_that_somebody_gave_to_a_class_of_seismic_tiles".to_owned();
        let canvas = class_gallery("train", &classes);
        assert_margin_is_free(&canvas, &format!("{count} classes"));
        assert!(canvas.width() > last_width, "{count} classes are not wider");
        last_width = canvas.width();
    }
    assert!(last_width < 3000, "{last_width}");
}

#[test]
fn tiles_of_different_sizes_are_shown_at_one_scale() {
    let white = |width, height| GreyImage::new(width, height, vec![1.0; width * height]).unwrap();
    let class = ClassTiles {
        name: "Salt".to_owned(),
        count: 3,
        tiles: vec![white(100, 80), white(40, 20), white(1, 1)],
    };
    let canvas = class_gallery("train", &[class]);
    // 2 : 1 each.
    let pixels = 4 * (100 * 80 + 40 * 20 + 1);
    assert_eq!(count_pixels(&canvas, |colour| colour == [255; 3]), pixels);
}

#[test]
fn a_gallery_of_huge_and_of_no_tiles_is_drawn() {
    let huge = ClassTiles { name: "Fault".to_owned(), count: 1, tiles: vec![stripes(5000, 3000)] };
    let none = ClassTiles { name: "Salt".to_owned(), count: 0, tiles: vec![] };
    let canvas = class_gallery("train", &[huge, none]);
    assert!(canvas.width() < 1000 && canvas.height() < 600);
    assert_margin_is_free(&canvas, "huge tiles");
    assert_margin_is_free(&class_gallery("train", &[]), "no classes");
}

#[test]
fn a_section_of_any_shape_has_its_axes_inside() {
    let axis = |label: &str, unit: &str, first, last| Axis {
        label: label.to_owned(),
        unit: unit.to_owned(),
        first,
        last,
        whole: label == "Crossline",
    };
    for (width, height) in [(1, 1), (1, 500), (651, 462), (3000, 1200), (40, 30)] {
        let canvas = section(&SectionPlot {
            title: "Inline 244",
            image: &stripes(width, height),
            colours: ColourMap::Seismic,
            shades: [0.0, 1.0],
            across: &axis("Crossline", "", 300.0, 300.0 + width as f64 - 1.0),
            down: &axis("Two-way time", "ms", 4.0, 4.0 * height as f64),
            amplitudes: &axis("Amplitude", "", -32_000.0, 32_000.0),
            pixel_height: 1.0,
        });
        assert!(canvas.width() < 2000 && canvas.height() < 1200);
        assert_margin_is_free(&canvas, &format!("section {width} × {height}"));
    }
}

/// A section of so many traces and samples, and what is left out of its picture's description.
fn plotted(
    title: &str,
    image: &GreyImage,
    shades: [f32; 2],
    colours: ColourMap,
    inlines: [f64; 2],
) -> Canvas {
    let axis = |label: &str, [first, last]: [f64; 2], whole| Axis {
        label: label.to_owned(),
        unit: String::new(),
        first,
        last,
        whole,
    };
    section(&SectionPlot {
        title,
        image,
        colours,
        shades,
        across: &axis("Inline", inlines, true),
        down: &axis("Sample", [0.0, image.height() as f64 - 1.0], false),
        amplitudes: &axis("Value", [0.0, 10.0], false),
        pixel_height: 1.0,
    })
}

#[test]
fn where_there_is_no_data_a_section_has_a_colour_of_no_map() {
    const MISSING: [u8; 3] = [216, 204, 178];
    for colours in ColourMap::ALL {
        let values = (0..=1000u16).map(|value| colours.rgb(f32::from(value) / 1000.0));
        assert!(values.into_iter().all(|colour| colour != MISSING), "{}", colours.name());
    }
    let missing = |canvas: &Canvas| count_pixels(canvas, |colour| colour == MISSING);
    for (width, height) in [(10, 20), (3000, 1200)] {
        let mut pixels = vec![0.5; width * height];
        let whole = GreyImage::new(width, height, pixels.clone()).unwrap();
        assert_eq!(missing(&plotted("a", &whole, [0.0, 1.0], ColourMap::Grey, [1.0, 9.0])), 0);
        for (at, pixel) in pixels.iter_mut().enumerate() {
            *pixel = if at % width < width / 2 { f32::NAN } else { 0.5 };
        }
        let half = GreyImage::new(width, height, pixels).unwrap();
        let canvas = plotted("a", &half, [0.0, 1.0], ColourMap::Grey, [1.0, 9.0]);
        let middle = count_pixels(&canvas, |colour| [[127; 3], [128; 3]].contains(&colour));
        // Half of the plot, and the key that says what the colour means.
        assert!(missing(&canvas) > middle && missing(&canvas) < middle + 500, "{width}: {middle}");
        assert_margin_is_free(&canvas, "half a section");
    }
}

#[test]
fn a_section_uses_the_part_of_the_colours_it_is_given() {
    let canvas = plotted("a", &stripes(40, 6), [0.5, 1.0], ColourMap::Seismic, [1.0, 40.0]);
    assert_eq!(count_pixels(&canvas, |[red, _, blue]| blue > red.saturating_add(60)), 0, "nothing is blue");
    assert!(count_pixels(&canvas, |[red, _, blue]| red > blue.saturating_add(60)) > 1000);
}

#[test]
fn a_long_title_of_a_narrow_section_is_told_whole() {
    let [short, long] = ["Inline 244", "f3-inlines-110-111 of the Netherlands, crossline 1000"]
        .map(|title| plotted(title, &stripes(2, 100), [0.0, 1.0], ColourMap::Grey, [110.0, 111.0]));
    assert_eq!(short.width(), long.width());
    assert!(long.height() > short.height(), "it has two lines");
    assert_margin_is_free(&long, "long title");
}

#[test]
fn an_axis_has_enough_ticks_to_be_read() {
    // Below the frame of the plot a tick is a dark line six pixels long.
    let ink = [32, 36, 42];
    let canvas = plotted("a", &stripes(192, 384), [0.0, 1.0], ColourMap::Grey, [1001.0, 1192.0]);
    let (width, height) = (i64::from(canvas.width()), i64::from(canvas.height()));
    let row =
        (0..height).rev().find(|&y| (0..width).filter(|&x| canvas.pixel(x, y) == Some(ink)).count() > 100);
    let below = row.unwrap() + 3;
    let marks = (0..width).filter(|&x| canvas.pixel(x, below) == Some(ink)).count();
    assert!((3..8).contains(&marks), "{marks}");
}

#[test]
fn a_written_picture_is_the_canvas() {
    let mut canvas = Canvas::new(30, 20, PAPER);
    canvas.fill(Rectangle { x: 5, y: 5, width: 100, height: 4 }, [10, 10, 10]);
    canvas.frame(Rectangle { x: -3, y: -3, width: 2, height: 2 }, [1, 2, 3]);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("picture.png");
    std::fs::write(&path, b"something older").unwrap();
    canvas.write_png(&path).unwrap();

    let read = image::open(&path).unwrap().into_rgb8();
    for (x, y, pixel) in read.enumerate_pixels() {
        assert_eq!(canvas.pixel(i64::from(x), i64::from(y)), Some(pixel.0));
    }
    assert_eq!(canvas.pixel(29, 8), Some([10, 10, 10]));
    assert_eq!(canvas.pixel(30, 8), None);
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "nothing else is left behind");
}

#[cfg(unix)]
#[test]
fn a_written_picture_has_the_rights_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let (picture, other) = (folder.path().join("picture.png"), folder.path().join("other"));
    Canvas::new(2, 2, PAPER).write_png(&picture).unwrap();
    std::fs::write(&other, b"").unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&picture), mode(&other));
}

#[test]
fn a_picture_that_cannot_be_written_names_its_path() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("missing").join("picture.png");
    let error = Canvas::new(2, 2, PAPER).write_png(&path).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&path.display().to_string()) && !message.contains(" at path "), "{message}");
}

#[test]
fn an_encoded_image_reads_back_the_same() {
    let image = stripes(17, 5);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("image.png");
    std::fs::write(&path, encode_png(&image)).unwrap();
    assert_eq!(read(&path, &DecodeLimits::default()).unwrap(), image);
}

#[test]
fn pairs_stand_side_by_side_under_their_groups_name_whatever_their_sizes() {
    for (width, height, count) in [(99, 99, 13), (1, 1, 1), (3, 640, 5), (640, 3, 5), (118, 143, 30)] {
        let pair = Pair {
            images: [stripes(width, height), stripes(width, height)],
            captions: ["a_rather_long_name".repeat(9), "like b".into()],
        };
        let group = |name: &str| PairGroup { name: name.into(), pairs: vec![pair.clone(); count] };
        let groups = [group("Salt"), group(&"A_long_class_".repeat(30))];
        let canvas = pairs("Round 1", "two groups", &groups);
        let what = format!("{count} of {width} × {height}");
        assert!(canvas.width() <= 1500, "{what}: {}", canvas.width());
        assert_margin_is_free(&canvas, &what);
        let one = pairs("Round 1", "two groups", &groups[..1]);
        assert!(canvas.height() > one.height(), "{what}");
    }
    assert_margin_is_free(&pairs("Nothing", "found", &[]), "no pairs");
}
