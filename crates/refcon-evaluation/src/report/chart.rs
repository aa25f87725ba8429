//! A chart as SVG: its axes, and what lies on them.

use maud::{Markup, html};
use refcon_image::figure::{power_label, tick_label, ticks, widened};

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
    /// Whether equal heights are equal factors.
    logarithmic: bool,
}

impl Frame {
    /// A range of no length is [`widened`].
    pub(super) fn new(x: [f64; 2], y: [f64; 2]) -> Self {
        Self { x: widened(x), y: widened(y), logarithmic: false }
    }

    /// As [`Frame::new`], with a logarithmic y axis for values above zero.
    pub(super) fn logarithmic(x: [f64; 2], y: [f64; 2]) -> Self {
        Self { logarithmic: true, ..Self::new(x, y) }
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        let along = |value: f64| if self.logarithmic { value.ln() } else { value };
        let [low, high] = self.y.map(along);
        HEIGHT - BELOW - (along(value) - low) / (high - low) * (HEIGHT - TOP - BELOW)
    }

    fn y_ticks(&self) -> Vec<f64> {
        if self.logarithmic { powers(self.y) } else { ticks(self.y[0], self.y[1], 5) }
    }

    /// The chart, with `content` on its axes.
    pub(super) fn chart(&self, title: &str, x_label: &str, y_label: &str, content: &Markup) -> Markup {
        let (x_ticks, y_ticks) = (ticks(self.x[0], self.x[1], 5), self.y_ticks());
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
                        text.tick x=(LEFT - 7.0) y=(at) dy="0.35em" text-anchor="end" { (label(*tick, if self.logarithmic { *tick } else { step(&y_ticks) })) }
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

/// The label of a tick; small ones, such as learning rates, by their power of ten.
fn label(tick: f64, step: f64) -> String {
    if tick != 0.0 && tick.abs() < 1e-2 && step < 1e-3 {
        power_label(tick, step)
    } else {
        tick_label(tick, step)
    }
}

/// One, two and five times the powers of ten in a range above zero; the powers alone where those are enough.
fn powers([low, high]: [f64; 2]) -> Vec<f64> {
    const ENOUGH: usize = 4;
    let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let inside = |value: &f64| (low..=high).contains(value);
    let tens: Vec<f64> = exponents.clone().map(|power| 10f64.powi(power)).filter(inside).collect();
    if tens.len() >= ENOUGH {
        return tens.into_iter().step_by(1 + (high / low).log10() as usize / 8).collect();
    }
    exponents
        .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
        .filter(inside)
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_has_equal_factors_at_equal_heights() {
        let frame = Frame::logarithmic([0.0, 1.0], [1e-4, 1.0]);
        let step = |from: f64, to: f64| frame.y(from) - frame.y(to);
        assert!((step(1e-4, 1e-3) - step(0.1, 1.0)).abs() < 1e-9);
        assert_eq!(frame.y_ticks().len(), 5);
        assert_eq!(Frame::logarithmic([0.0, 1.0], [0.04, 0.3]).y_ticks(), [0.05, 0.1, 0.2]);
    }

    #[test]
    fn a_value_that_never_changes_stands_in_the_middle_of_its_own_size() {
        let frame = Frame::new([0.0, 1.0], [1e-3, 1e-3]);
        assert!((frame.y(1e-3) - f64::midpoint(TOP, HEIGHT - BELOW)).abs() < 1e-9);
        assert!(frame.y_ticks().iter().all(|tick| (8e-4..1.2e-3).contains(tick)));
        assert_eq!([label(1e-3, 1e-4), label(0.9995, 5e-4)], ["1e−3", "0.9995"]);
        assert_eq!([1e-3, 1.05e-3, 1.1e-3].map(|rate| label(rate, 5e-5)), ["1e−3", "1.05e−3", "1.1e−3"]);
    }
}
