//! Plots with logarithmic axes, as PNG.

use refcon_image::figure::{Anchor, Canvas, Rectangle, Rgb, TextStyle};

const PAPER: Rgb = [250, 250, 248];
const INK: Rgb = [32, 36, 42];
const FAINT: Rgb = [224, 226, 229];
const TITLE: TextStyle = TextStyle { size: 22.0, bold: true, colour: INK };
const LABEL: TextStyle = TextStyle { size: 16.0, bold: false, colour: INK };
/// Size of a plot with its labels.
const WIDTH: i64 = 720;
const HEIGHT: i64 = 520;
/// Where the axes lie in it.
const AREA: Rectangle = Rectangle { x: 90, y: 56, width: 600, height: 390 };

/// Points that belong together.
pub(crate) struct Line {
    pub name: &'static str,
    pub colour: Rgb,
    /// Whether each point is marked: those of what was measured are.
    pub marked: bool,
    pub points: Vec<(f64, f64)>,
}

/// One plot; all values are above zero.
pub(crate) struct Plot {
    pub title: String,
    pub across: &'static str,
    pub up: &'static str,
    /// Values on the horizontal axis that are written out.
    pub ticks: Vec<(f64, String)>,
    pub lines: Vec<Line>,
}

/// Several plots side by side.
pub(crate) fn side_by_side(plots: &[Plot]) -> Canvas {
    let mut canvas = Canvas::new((WIDTH as usize * plots.len()) as u32, HEIGHT as u32, PAPER);
    for (at, plot) in plots.iter().enumerate() {
        plot.draw(&mut canvas, at as i64 * WIDTH);
    }
    canvas
}

/// A logarithmic axis, from its first to its last power of ten or value.
struct Scale {
    first: f64,
    last: f64,
}

impl Scale {
    /// Where a value lies, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value.ln() - self.first.ln()) / (self.last.ln() - self.first.ln())
    }
}

impl Plot {
    fn draw(&self, canvas: &mut Canvas, left: i64) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let ends = |of: fn(&(f64, f64)) -> f64| {
            let values = points().map(of);
            values.fold((f64::INFINITY, 0.0f64), |(least, most), value| (least.min(value), most.max(value)))
        };
        let ((first, last), (least, most)) = (ends(|point| point.0), ends(|point| point.1));
        let across = Scale { first: first / 1.15, last: last * 1.15 };
        let up = Scale {
            first: 10f64.powf(least.log10().floor()),
            last: 10f64.powf((most * 1.05).log10().ceil()),
        };
        let x = |value: f64| left + AREA.x + (across.place(value) * AREA.width as f64) as i64;
        let y = |value: f64| AREA.y + AREA.height - (up.place(value) * AREA.height as f64) as i64;
        let mut power = up.first;
        while power <= up.last * 1.001 {
            canvas.horizontal(left + AREA.x, y(power), AREA.width, FAINT);
            let text = format!("{power}");
            canvas.text(&text, (left + AREA.x - 8) as f32, y(power) as f32 - 9.0, &LABEL, Anchor::Right);
            power *= 10.0;
        }
        for (value, name) in &self.ticks {
            canvas.vertical(x(*value), AREA.y, AREA.height, FAINT);
            let below = (AREA.y + AREA.height + 6) as f32;
            canvas.text(name, x(*value) as f32, below, &LABEL, Anchor::Middle);
        }
        canvas.frame(Rectangle { x: left + AREA.x, ..AREA }, INK);
        let middle = (left + AREA.x + AREA.width / 2) as f32;
        canvas.text(&self.title, (left + AREA.x) as f32, 18.0, &TITLE, Anchor::Left);
        canvas.text(self.across, middle, (HEIGHT - 36) as f32, &LABEL, Anchor::Middle);
        canvas.text_upwards(self.up, (left + 12) as f32, (AREA.y + AREA.height / 2) as f32, &LABEL);
        for (at, line) in self.lines.iter().enumerate() {
            let places: Vec<(i64, i64)> = line.points.iter().map(|&(a, b)| (x(a), y(b))).collect();
            places.windows(2).for_each(|ends| stroke(canvas, ends[0], ends[1], line.colour));
            if line.marked {
                places.iter().for_each(|&(x, y)| square(canvas, (x, y), 9, line.colour));
            }
            let key = (left + AREA.x + 20, AREA.y + 20 + 24 * at as i64);
            stroke(canvas, key, (key.0 + 30, key.1), line.colour);
            canvas.text(line.name, (key.0 + 40) as f32, key.1 as f32 - 9.0, &LABEL, Anchor::Left);
        }
    }
}

fn stroke(canvas: &mut Canvas, from: (i64, i64), to: (i64, i64), colour: Rgb) {
    let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
    for step in 0..=steps {
        let at = |from: i64, to: i64| from + (to - from) * step / steps;
        square(canvas, (at(from.0, to.0), at(from.1, to.1)), 3, colour);
    }
}

fn square(canvas: &mut Canvas, (x, y): (i64, i64), side: i64, colour: Rgb) {
    canvas.fill(Rectangle { x: x - side / 2, y: y - side / 2, width: side, height: side }, colour);
}
