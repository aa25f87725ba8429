//! A section with its axes and a colour bar.

use super::{Anchor, Axis, Canvas, Rectangle, look, tick_label, ticks};
use crate::resample::resized;
use crate::{ColourMap, GreyImage};

/// What [`section`] draws.
#[derive(Debug, Clone, PartialEq)]
pub struct SectionPlot<'a> {
    /// Such as `Inline 244`.
    pub title: &'a str,
    /// The amplitudes brought to 0..1, `[samples, traces]`.
    pub image: &'a GreyImage,
    /// How values become colours.
    pub colours: ColourMap,
    /// The traces, left to right.
    pub across: &'a Axis,
    /// The samples, top to bottom.
    pub down: &'a Axis,
    /// The amplitudes at the values 0 and 1 of the image.
    pub amplitudes: &'a Axis,
    /// How high a pixel of the image is shown, in its width; above 0.
    pub pixel_height: f64,
}

/// The plot is at most and at least this large on the screen, in pixels.
const LARGEST: (f64, f64) = (1400.0, 900.0);
const SMALLEST: (f64, f64) = (320.0, 240.0);
/// From so many times on, an image is enlarged without in-between values.
const RECTANGLES_FROM: usize = 2;
/// Room for tick labels and the axis title below the plot.
const BELOW: i64 = 72;
const TICK: i64 = 6;
/// Pixels between two ticks, about.
const TICK_SPACING_ACROSS: i64 = 130;
const TICK_SPACING_DOWN: i64 = 80;
const BAR_GAP: i64 = 32;
const BAR_WIDTH: i64 = 18;
/// Between a tick's label and what stands beside it.
const LABEL_GAP: i64 = 6;
const TITLE_HEIGHT: i64 = 30;

/// The section with ticks in its own units and a bar that tells what the colours mean.
#[must_use]
pub fn section(plot: &SectionPlot<'_>) -> Canvas {
    let (width, height) = shown_size(plot.image, plot.pixel_height);
    let shown = enlarged(plot.image, width, height);
    let sample_marks = places(plot.down, plot.image.height(), i64::from(height), TICK_SPACING_DOWN);
    let labels = widest(sample_marks.iter().map(|(_, label)| label.as_str()));
    let area = Rectangle {
        x: look::MARGIN + TITLE_HEIGHT + labels + LABEL_GAP + TICK,
        y: look::MARGIN + 48,
        width: i64::from(width),
        height: i64::from(height),
    };
    let bar = Rectangle { x: area.x + area.width + BAR_GAP, width: BAR_WIDTH, ..area };
    let marks = bar_marks(plot.amplitudes, bar.height);
    let bar_labels = TICK + LABEL_GAP + widest(marks.iter().map(|(_, label)| label.as_str()));
    let bar_room = (BAR_WIDTH + bar_labels).max(widest([plot.amplitudes.title().as_str()]));
    let canvas_width = bar.x + bar_room + look::MARGIN;
    let canvas_height = area.y + area.height + BELOW + look::MARGIN / 2;
    let mut canvas = Canvas::new(canvas_width as u32, canvas_height as u32, look::PAPER);
    let title = look::TITLE.shortened(plot.title, (canvas_width - area.x - look::MARGIN) as f32);
    canvas.text(&title, area.x as f32, look::MARGIN as f32 - 8.0, &look::TITLE, Anchor::Left);
    canvas.frame(area, look::INK);
    canvas.image(&shown, area.x, area.y, 1, plot.colours);

    for (place, label) in places(plot.across, plot.image.width(), area.width, TICK_SPACING_ACROSS) {
        let x = area.x + place;
        canvas.vertical(x, area.y + area.height + 1, TICK, look::INK);
        let y = (area.y + area.height + TICK + 5) as f32;
        canvas.text(&label, x as f32, y, &look::CAPTION, Anchor::Middle);
    }
    let below = (area.y + area.height + 40) as f32;
    let middle = (area.x + area.width / 2) as f32;
    canvas.text(&plot.across.title(), middle, below, &look::SUBTITLE, Anchor::Middle);

    for (place, label) in sample_marks {
        let y = area.y + place;
        canvas.horizontal(area.x - 1 - TICK, y, TICK, look::INK);
        let right = (area.x - TICK - LABEL_GAP) as f32;
        canvas.text(&label, right, y as f32 - 8.0, &look::CAPTION, Anchor::Right);
    }
    let upright = (area.y + area.height / 2) as f32;
    canvas.text_upwards(&plot.down.title(), (look::MARGIN - LABEL_GAP) as f32, upright, &look::SUBTITLE);
    draw_bar(&mut canvas, bar, plot, &marks);
    canvas
}

/// The colour bar, the largest amplitude on top.
fn draw_bar(canvas: &mut Canvas, bar: Rectangle, plot: &SectionPlot<'_>, marks: &[(i64, String)]) {
    canvas.frame(bar, look::INK);
    let last = (bar.height - 1).max(1) as f32;
    for row in 0..bar.height {
        let colour = plot.colours.rgb(1.0 - row as f32 / last);
        canvas.horizontal(bar.x, bar.y + row, bar.width, colour);
    }
    for (place, label) in marks {
        let y = bar.y + place;
        canvas.horizontal(bar.x + bar.width + 1, y, TICK, look::INK);
        let left = (bar.x + bar.width + TICK + LABEL_GAP) as f32;
        canvas.text(label, left, y as f32 - 8.0, &look::CAPTION, Anchor::Left);
    }
    let above = (bar.y - 28) as f32;
    canvas.text(&plot.amplitudes.title(), bar.x as f32, above, &look::CAPTION, Anchor::Left);
}

/// Where the ticks of a bar `height` pixels high lie below its top, and what they say.
fn bar_marks(amplitudes: &Axis, height: i64) -> Vec<(i64, String)> {
    labelled_ticks(amplitudes, height, TICK_SPACING_DOWN)
        .into_iter()
        .map(|(mark, label)| (((1.0 - amplitudes.place(mark)) * (height - 1) as f64).round() as i64, label))
        .collect()
}

/// Where the ticks of an axis over `pixels` image pixels lie on `length` screen pixels, and what they say.
fn places(axis: &Axis, pixels: usize, length: i64, spacing: i64) -> Vec<(i64, String)> {
    // The values belong to pixels' centres.
    let pixel = length as f64 / pixels as f64;
    let place = |mark: f64| (pixel * (0.5 + axis.place(mark) * (pixels - 1) as f64)) as i64;
    labelled_ticks(axis, length, spacing).into_iter().map(|(mark, label)| (place(mark), label)).collect()
}

fn labelled_ticks(axis: &Axis, length: i64, spacing: i64) -> Vec<(f64, String)> {
    let mut marks = ticks(axis.first, axis.last, (length / spacing).max(2) as usize);
    if axis.whole {
        marks.retain(|mark| mark.fract() == 0.0);
    }
    let step = marks.windows(2).next().map_or(1.0, |pair| pair[1] - pair[0]);
    marks.iter().map(|&mark| (mark, tick_label(mark, step))).collect()
}

/// Width of the widest of some captions, in pixels.
fn widest<'a>(captions: impl IntoIterator<Item = &'a str>) -> i64 {
    captions.into_iter().map(|text| look::CAPTION.width(text)).fold(0.0, f32::max).ceil() as i64
}

/// The image at its size on the screen. Much enlarged, each trace and sample stays a rectangle of its own: smooth in-between
/// values would show amplitudes where there is no trace.
fn enlarged(image: &GreyImage, width: u32, height: u32) -> GreyImage {
    let (columns, rows) = (image.width(), image.height());
    let (width, height) = (width as usize, height as usize);
    let across = if width >= RECTANGLES_FROM * columns { columns } else { width };
    let down = if height >= RECTANGLES_FROM * rows { rows } else { height };
    // Sides of a picture are counted in 32 bits.
    let smooth = resized(image, across as u32, down as u32);
    let pixel = |place: usize| {
        let (x, y) = (place % width * across / width, place / width * down / height);
        smooth.pixels()[y * across + x]
    };
    GreyImage::from_parts(width, height, (0..width * height).map(pixel).collect())
}

/// The plot's size on the screen: the image's shape where that is between the limits.
fn shown_size(image: &GreyImage, pixel_height: f64) -> (u32, u32) {
    let (width, height) = (image.width() as f64, image.height() as f64 * pixel_height);
    let zoom = (LARGEST.0 / width).min(LARGEST.1 / height);
    let zoom = zoom.min((SMALLEST.0 / width).max(SMALLEST.1 / height).max(1.0).ceil());
    let side = |pixels: f64, least: f64, most: f64| (pixels * zoom).round().clamp(least, most) as u32;
    (side(width, SMALLEST.0, LARGEST.0), side(height, SMALLEST.1, LARGEST.1))
}
