//! What the preprocessing does to one image, stage by stage.

use super::panel::{Panel, centre_shown, zoom_in_words};
use super::{Anchor, Canvas, Rectangle, look};
use crate::{GreyImage, Preprocessing, Step};

/// Longest side of a panel on the screen, in pixels.
const LARGEST_PANEL: f64 = 640.0;
/// A panel whose longer side would be shorter than this on the screen gets a zoom of its own.
const SMALLEST_PANEL: f64 = 96.0;
/// Length to which such a panel is brought at most.
const SMALL_PANEL: f64 = 224.0;
/// Most screen pixels for one image pixel that all panels share.
const LARGEST_SHARED_ZOOM: u32 = 3;
/// Between two panels, in pixels; the arrow stands here.
const GAP: i64 = 76;
const LINE: i64 = 22;

/// The stages of `preprocessing` on `image` from left to right: original, scaled, contrasted, resized, cropped.
///
/// Over each stand its size and its least, mean and largest value, and how much it is enlarged or reduced. All panels share
/// one zoom where that fits, so that their sizes compare; of a long strip the centre is shown. In the resized
/// image a frame marks what the crop keeps.
#[must_use]
pub fn preprocess_steps(image_name: &str, image: &GreyImage, preprocessing: &Preprocessing) -> Canvas {
    let steps = preprocessing.steps(image);
    let images: Vec<GreyImage> = steps.iter().map(|step| centre_shown(&step.image, step.full_size)).collect();
    let shared = shared_zoom(&images);
    let panels: Vec<Panel> = steps
        .iter()
        .zip(images)
        .map(|(step, image)| {
            let zoom = own_zoom(&image, shared);
            Panel::new(image, step.full_size, zoom)
        })
        .collect();
    let captions: Vec<Vec<String>> = steps
        .iter()
        .zip(&panels)
        .enumerate()
        .map(|(place, (step, panel))| {
            caption(step, panel, if place == 0 { stored_levels(image) } else { None })
        })
        .collect();

    let columns: Vec<i64> = (0..steps.len())
        .map(|i| {
            let texts = captions[i].iter().map(|line| look::CAPTION.width(line));
            let text = texts.fold(look::HEADING.width(&steps[i].name), f32::max).ceil() as i64;
            text.max(panels[i].width())
        })
        .collect();
    let text_lines = captions.iter().map(Vec::len).max().unwrap_or(0) as i64;
    let heading_top = look::MARGIN + 82;
    // Room for the three dots over an image that goes on above.
    let dots = if panels.iter().any(|panel| panel.cut_down) { 28 } else { 0 };
    let panel_top = heading_top + 30 + text_lines * LINE + 14 + dots;
    let tallest = panels.iter().map(Panel::height).max().unwrap_or(0);
    let width = 2 * look::MARGIN + columns.iter().sum::<i64>() + GAP * (columns.len() as i64 - 1);
    let height = panel_top + tallest + dots + look::MARGIN;

    let mut canvas = Canvas::new(width as u32, height as u32, look::PAPER);
    let left = look::MARGIN as f32;
    let name = look::TITLE.shortened(image_name, (width - 2 * look::MARGIN) as f32);
    canvas.text(&name, left, look::MARGIN as f32 - 8.0, &look::TITLE, Anchor::Left);
    canvas.text(&summary(preprocessing), left, look::MARGIN as f32 + 28.0, &look::SUBTITLE, Anchor::Left);

    let mut x = look::MARGIN;
    for (i, panel) in panels.iter().enumerate() {
        canvas.text(&steps[i].name, x as f32, heading_top as f32, &look::HEADING, Anchor::Left);
        for (line, text) in captions[i].iter().enumerate() {
            let y = heading_top + 30 + line as i64 * LINE;
            canvas.text(text, x as f32, y as f32, &look::CAPTION, Anchor::Left);
        }
        panel.draw(&mut canvas, x, panel_top);
        if i + 1 < panels.len() {
            arrow(&mut canvas, x + columns[i] + GAP / 2, heading_top + 11);
        }
        if i + 2 == panels.len() {
            mark_crop(&mut canvas, panel, preprocessing, x, panel_top);
        }
        x += columns[i] + GAP;
    }
    canvas
}

fn summary(preprocessing: &Preprocessing) -> String {
    format!(
        "Contrast ×{}, bicubic resize of the shorter side to {}, centre crop {} × {}",
        preprocessing.contrast(),
        preprocessing.resize_shorter_side(),
        preprocessing.crop(),
        preprocessing.crop()
    )
}

/// The largest zoom at which every panel keeps below the largest size, or 1.
fn shared_zoom(images: &[GreyImage]) -> u32 {
    let longest = images.iter().map(longer_side).fold(1.0, f64::max);
    ((LARGEST_PANEL / longest) as u32).clamp(1, LARGEST_SHARED_ZOOM)
}

fn own_zoom(image: &GreyImage, shared: u32) -> f64 {
    let longer = longer_side(image);
    let shown = longer * f64::from(shared);
    if shown > LARGEST_PANEL {
        LARGEST_PANEL / longer
    } else if shown < SMALLEST_PANEL {
        (SMALL_PANEL / longer).floor()
    } else {
        f64::from(shared)
    }
}

fn longer_side(image: &GreyImage) -> f64 {
    image.width().max(image.height()) as f64
}

/// The largest level of the file that `image` comes from, where its pixels are whole steps of 8 or 16 bits.
fn stored_levels(image: &GreyImage) -> Option<f32> {
    let is_whole = |top: f32| image.pixels().iter().all(|&v| (v * top).round() / top == v);
    [255.0, 65_535.0].into_iter().find(|&top| is_whole(top))
}

/// Size, values and zoom. `levels` is the largest value of the file's own scale; without it values are in 0..1.
fn caption(step: &Step, panel: &Panel, levels: Option<f32>) -> Vec<String> {
    let pixels = step.image.pixels();
    let least = pixels.iter().copied().fold(f32::INFINITY, f32::min);
    let largest = pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mean = (pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64) as f32;
    let values = match levels {
        Some(top) => format!(
            "{:.0} to {:.0}, mean {:.1} ({}-bit)",
            least * top,
            largest * top,
            mean * top,
            if top > 255.0 { 16 } else { 8 }
        ),
        None => format!("{least:.3} to {largest:.3}, mean {mean:.3}").replace('-', "−"),
    };
    let (width, height) = step.full_size;
    let is_whole = pixels.len() as u64 == width * height;
    let values = if is_whole { values } else { format!("{values} in the centre") };
    let mut lines =
        vec![format!("{width} × {height} pixels"), values, format!("shown {}", zoom_in_words(panel.zoom))];
    match (panel.cut_across, panel.cut_down) {
        (true, _) => lines[2].push_str(", centre columns"),
        (_, true) => lines[2].push_str(", centre rows"),
        _ => {}
    }
    lines
}

/// An arrow to the right with its middle at `x`, `y`.
fn arrow(canvas: &mut Canvas, x: i64, y: i64) {
    const HALF_LENGTH: i64 = 15;
    const HEAD: i64 = 6;
    canvas.fill(
        Rectangle { x: x - HALF_LENGTH, y: y - 1, width: 2 * HALF_LENGTH - HEAD, height: 2 },
        look::FRAME,
    );
    for back in 0..=HEAD + 2 {
        let column = x + HALF_LENGTH - back;
        let half = back * HEAD / (HEAD + 2);
        canvas.vertical(column, y - half, 2 * half, look::FRAME);
    }
}

/// A frame around what the centre crop keeps of the resized image, where it keeps less than all.
fn mark_crop(canvas: &mut Canvas, resized: &Panel, preprocessing: &Preprocessing, x: i64, y: i64) {
    let side = (f64::from(preprocessing.crop()) * resized.zoom).round() as i64;
    let (width, height) = (side.min(resized.width()), side.min(resized.height()));
    if width == resized.width() && height == resized.height() {
        return;
    }
    let (left, top) = (x + (resized.width() - width) / 2, y + (resized.height() - height) / 2);
    for inset in 1..=2 {
        let area = Rectangle {
            x: left + inset,
            y: top + inset,
            width: width - 2 * inset,
            height: height - 2 * inset,
        };
        canvas.frame(area, look::ACCENT);
    }
}
