//! A section with its axes and a colour bar.

use super::{Anchor, Axis, Canvas, Rectangle, Rgb, TextStyle, look, tick_label, ticks};
use crate::resample::resized;
use crate::{ColourMap, GreyImage};

/// What [`section`] draws.
#[derive(Debug, Clone, PartialEq)]
pub struct SectionPlot<'a> {
    /// Such as `Inline 244`.
    pub title: &'a str,
    /// The amplitudes brought to 0..1, `[samples, traces]`; NaN where there are none, which gets a colour of its own.
    pub image: &'a GreyImage,
    /// How values become colours.
    pub colours: ColourMap,
    /// Which part of the colours is used: where on the map the values 0 and 1 of the image lie. `[0.0, 1.0]` is all of it.
    pub shades: [f32; 2],
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
/// Left of the plot, for the title of the axis that runs down it.
const AXIS_TITLE: i64 = 30;
/// From one line of the title to the next, and between the last one and the plot: there the bar's own title stands.
const TITLE_LINE: i64 = 32;
const BELOW_TITLE: i64 = 28;
const TITLE_LINES: usize = 2;
/// Smaller ones are for titles that do not fit.
const TITLES: [TextStyle; 3] =
    [look::TITLE, TextStyle { size: 21.0, ..look::TITLE }, TextStyle { size: 17.0, ..look::TITLE }];
/// Fewer ticks than these do not tell how an axis runs; so many are asked for at most to get them.
const FEWEST_TICKS: usize = 3;
const MOST_TICKS_ASKED: usize = 9;
/// A colour of no map.
const MISSING: Rgb = [216, 204, 178];
const MISSING_LABEL: &str = "no data";

/// The section with ticks in its own units and a bar that tells what the colours mean.
#[must_use]
pub fn section(plot: &SectionPlot<'_>) -> Canvas {
    let (width, height) = shown_size(plot.image, plot.pixel_height);
    let has_missing = plot.image.pixels().iter().any(|value| value.is_nan());
    let sample_marks = places(plot.down, plot.image.height(), i64::from(height), TICK_SPACING_DOWN);
    let labels = widest(sample_marks.iter().map(|(_, label)| label.as_str()));
    let (width, height) = (i64::from(width), i64::from(height));
    let x = look::MARGIN + AXIS_TITLE + labels + LABEL_GAP + TICK;
    let marks = bar_marks(plot.amplitudes, height);
    let beside_bar = if has_missing { MISSING_LABEL } else { "" };
    let bar_labels = widest(marks.iter().map(|(_, label)| label.as_str()).chain([beside_bar]));
    let bar_room =
        (BAR_WIDTH + TICK + LABEL_GAP + bar_labels).max(widest([plot.amplitudes.title().as_str()]));
    let canvas_width = x + width + BAR_GAP + bar_room + look::MARGIN;
    let (title, title_style) = title_lines(plot.title, (canvas_width - x - look::MARGIN) as f32);
    let y = look::MARGIN + TITLE_LINE * title.len() as i64 + BELOW_TITLE;
    let area = Rectangle { x, y, width, height };
    let bar = Rectangle { x: area.x + area.width + BAR_GAP, width: BAR_WIDTH, ..area };
    let canvas_height = area.y + area.height + BELOW + look::MARGIN / 2;
    let mut canvas = Canvas::new(canvas_width as u32, canvas_height as u32, look::PAPER);
    for (line, y) in title.iter().zip((look::MARGIN - 8..).step_by(TITLE_LINE as usize)) {
        canvas.text(line, area.x as f32, y as f32, &title_style, Anchor::Left);
    }
    canvas.frame(area, look::INK);
    draw_image(&mut canvas, area, plot);

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
    if has_missing {
        draw_missing_key(&mut canvas, bar);
    }
    canvas
}

/// A title in the largest letters in which it fits, and those.
fn title_lines(title: &str, width: f32) -> (Vec<String>, TextStyle) {
    let wrapped = TITLES.map(|style| (style.wrapped(title, width, TITLE_LINES), style));
    let [.., smallest] = &wrapped;
    let is_whole = |(lines, _): &&(Vec<String>, TextStyle)| lines.iter().all(|line| !line.contains('…'));
    wrapped.iter().find(is_whole).unwrap_or(smallest).clone()
}

/// The image itself. Much enlarged, each trace and sample stays a rectangle of its own: smooth in-between values would show
/// amplitudes where there is no trace.
fn draw_image(canvas: &mut Canvas, area: Rectangle, plot: &SectionPlot<'_>) {
    let (columns, rows) = (plot.image.width(), plot.image.height());
    let (width, height) = (area.width as usize, area.height as usize);
    // What is missing must not blur what is beside it.
    let filled = plot.image.pixels().iter().map(|value| if value.is_nan() { 0.5 } else { *value });
    let filled = GreyImage::from_parts(columns, rows, filled.collect());
    // Between two labels there is no third one.
    let exact = plot.amplitudes.whole;
    let across = if exact || width >= RECTANGLES_FROM * columns { columns } else { width };
    let down = if exact || height >= RECTANGLES_FROM * rows { rows } else { height };
    // Sides of a picture are counted in 32 bits.
    let smooth = resized(&filled, across as u32, down as u32);
    for y in 0..height {
        for x in 0..width {
            let of_file = plot.image.pixels()[y * rows / height * columns + x * columns / width];
            let value = smooth.pixels()[y * down / height * across + x * across / width];
            let colour = if of_file.is_nan() { MISSING } else { colour(plot, value) };
            canvas.horizontal(area.x + x as i64, area.y + y as i64, 1, colour);
        }
    }
}

/// The colour of a value of the image.
fn colour(plot: &SectionPlot<'_>, value: f32) -> Rgb {
    let [first, last] = plot.shades;
    plot.colours.rgb(first + value.clamp(0.0, 1.0) * (last - first))
}

/// Below the bar: what the colour means that is not on it.
fn draw_missing_key(canvas: &mut Canvas, bar: Rectangle) {
    let key = Rectangle { y: bar.y + bar.height + 22, height: BAR_WIDTH, ..bar };
    canvas.frame(key, look::INK);
    canvas.fill(key, MISSING);
    let left = (key.x + key.width + TICK + LABEL_GAP) as f32;
    canvas.text(MISSING_LABEL, left, key.y as f32, &look::CAPTION, Anchor::Left);
}

/// The colour bar, the largest amplitude on top.
fn draw_bar(canvas: &mut Canvas, bar: Rectangle, plot: &SectionPlot<'_>, marks: &[(i64, String)]) {
    canvas.frame(bar, look::INK);
    let last = (bar.height - 1).max(1) as f32;
    for row in 0..bar.height {
        let colour = colour(plot, 1.0 - row as f32 / last);
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
    let marks = |wanted: usize| {
        let mut marks = ticks(axis.first, axis.last, wanted);
        marks.retain(|mark| !axis.whole || mark.fract() == 0.0);
        marks
    };
    let wanted = (length / spacing).max(2) as usize;
    let more = (wanted..=wanted.max(MOST_TICKS_ASKED)).map(&marks);
    let marks = more.into_iter().find(|marks| marks.len() >= FEWEST_TICKS).unwrap_or_else(|| marks(wanted));
    let step = marks.windows(2).next().map_or(1.0, |pair| pair[1] - pair[0]);
    marks.iter().map(|&mark| (mark, tick_label(mark, step))).collect()
}

/// Width of the widest of some captions, in pixels.
fn widest<'a>(captions: impl IntoIterator<Item = &'a str>) -> i64 {
    captions.into_iter().map(|text| look::CAPTION.width(text)).fold(0.0, f32::max).ceil() as i64
}

/// The plot's size on the screen: the image's shape where that is between the limits.
fn shown_size(image: &GreyImage, pixel_height: f64) -> (u32, u32) {
    let (width, height) = (image.width() as f64, image.height() as f64 * pixel_height);
    let zoom = (LARGEST.0 / width).min(LARGEST.1 / height);
    let zoom = zoom.min((SMALLEST.0 / width).max(SMALLEST.1 / height).max(1.0).ceil());
    let side = |pixels: f64, least: f64, most: f64| (pixels * zoom).round().clamp(least, most) as u32;
    (side(width, SMALLEST.0, LARGEST.0), side(height, SMALLEST.1, LARGEST.1))
}
