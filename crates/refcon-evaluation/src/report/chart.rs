//! Charts as SVG: axes, lines, points.

use maud::{Markup, html};
use refcon_image::figure::{tick_label, ticks};

/// One number of a training along its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name, such as `train/loss`.
    pub name: String,
    /// Step and value, in the order of the steps; values that are not finite leave a gap.
    pub points: Vec<(f64, f64)>,
}

/// Size of a chart, and the space that its labels take on the left, at the top, on the right, below.
pub(super) const WIDTH: f64 = 420.0;
pub(super) const HEIGHT: f64 = 320.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 14.0;
const RIGHT: f64 = 14.0;
const BELOW: f64 = 44.0;

/// A rectangle of values on a chart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    x: [f64; 2],
    y: [f64; 2],
}

impl Frame {
    /// A range of no length is widened, so that what lies in it stands in the middle.
    pub(super) fn new(x: [f64; 2], y: [f64; 2]) -> Self {
        let widened = |[low, high]: [f64; 2]| {
            let room = if low < high { 0.0 } else { (low.abs() * 0.1).max(0.5) };
            [low - room, high + room]
        };
        Self { x: widened(x), y: widened(y) }
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        HEIGHT - BELOW - (value - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BELOW)
    }

    /// The chart, with `content` on its axes.
    pub(super) fn chart(&self, title: &str, x_label: &str, y_label: &str, content: &Markup) -> Markup {
        let (x_ticks, y_ticks) = (ticks(self.x[0], self.x[1], 5), ticks(self.y[0], self.y[1], 5));
        let step = |ticks: &[f64]| if ticks.len() > 1 { ticks[1] - ticks[0] } else { 1.0 };
        let (bottom, right) = (HEIGHT - BELOW, WIDTH - RIGHT);
        html! {
            figure.chart {
                figcaption { (title) }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
                    @for tick in &x_ticks {
                        @let at = place(self.x(*tick));
                        line.grid x1=(at) x2=(at) y1=(TOP) y2=(bottom) {}
                        text.tick x=(at) y=(bottom + 16.0) text-anchor="middle" { (label(*tick, step(&x_ticks))) }
                    }
                    @for tick in &y_ticks {
                        @let at = place(self.y(*tick));
                        line.grid x1=(LEFT) x2=(right) y1=(at) y2=(at) {}
                        text.tick x=(LEFT - 7.0) y=(at) dy="0.35em" text-anchor="end" { (label(*tick, step(&y_ticks))) }
                    }
                    text.label x=(place(f64::midpoint(LEFT, right))) y=(HEIGHT - 8.0) text-anchor="middle" { (x_label) }
                    @let middle = place(f64::midpoint(TOP, bottom));
                    text.label transform=(format!("translate(13 {middle}) rotate(-90)")) text-anchor="middle" { (y_label) }
                    (content)
                }
            }
        }
    }
}

/// The label of a tick; very small ones, such as learning rates, by their power of ten.
fn label(tick: f64, step: f64) -> String {
    if tick != 0.0 && step < 1e-3 {
        format!("{tick:.1e}").replace(".0e", "e").replace('-', "−")
    } else {
        tick_label(tick, step)
    }
}

/// A coordinate, short.
pub(super) fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Names with their colours.
pub(super) fn legend<'a>(names: impl Iterator<Item = &'a str>) -> Markup {
    html! {
        ul.legend {
            @for (number, name) in names.enumerate() { li { span class=(format!("swatch {}", colour(number))) {} (name) } }
        }
    }
}

/// The style class of a colour; there are eight.
pub(super) fn colour(number: usize) -> String {
    format!("colour-{}", number % 8)
}

/// A chart for each kind of number (what follows the last `/` of its name): training and validation share one.
pub(super) fn curves(curves: &[Curve]) -> Markup {
    let mut kinds: Vec<&str> = Vec::new();
    for curve in curves {
        if !kinds.contains(&kind(curve)) {
            kinds.push(kind(curve));
        }
    }
    html! {
        div.charts {
            @for kind_wanted in kinds {
                @let of_kind: Vec<&Curve> = curves.iter().filter(|curve| kind(curve) == kind_wanted).collect();
                div { (curve_chart(kind_wanted, &of_kind)) @if of_kind.len() > 1 { (legend(of_kind.iter().map(|curve| curve.name.as_str()))) } }
            }
        }
    }
}

fn kind(curve: &Curve) -> &str {
    curve.name.rsplit('/').next().unwrap_or_default()
}

fn curve_chart(title: &str, curves: &[&Curve]) -> Markup {
    let finite = || curves.iter().flat_map(|curve| &curve.points).filter(|point| point.1.is_finite());
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)])
    };
    let (x, y) = (range(&mut finite().map(|point| point.0)), range(&mut finite().map(|point| point.1)));
    if x[0] > x[1] {
        return html! { figure.chart { figcaption { (title) } p.note { "no finite value" } } };
    }
    let frame = Frame::new(x, y);
    let content = html! {
        @for (number, curve) in curves.iter().enumerate() {
            @for run in curve.points.split(|point| !point.1.is_finite()).filter(|run| !run.is_empty()) {
                @let line = run.iter().map(|(x, y)| format!("{},{}", place(frame.x(*x)), place(frame.y(*y))));
                polyline class={ "line " (colour(number)) } points=(line.collect::<Vec<_>>().join(" ")) {}
                @if run.len() == 1 { circle class={ "dot " (colour(number)) } cx=(place(frame.x(run[0].0))) cy=(place(frame.y(run[0].1))) r="3" {} }
            }
        }
    };
    frame.chart(title, "step", "", &content)
}
