//! Numbers of a training along its steps.

use super::chart::{Frame, colour, legend, place};
use crate::Metric;
use maud::{Markup, html};
use refcon_image::figure::is_wide;

/// One number of a training along its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name, such as `train/loss`.
    pub name: String,
    /// Step and value, in the order of the steps; values that are not finite leave a gap.
    pub points: Vec<(f64, f64)>,
}

/// Points of a drawn line, at most: more could not be told apart, and would make the page heavy.
const MOST_POINTS: usize = 300;

/// Charts by their titles: measures of retrieval share one, and the loss comes first.
const LOSS: &str = "loss";
const RETRIEVAL: &str = "retrieval of held-out tiles";

/// A chart for each kind of number: training and validation share one.
pub(super) fn drawn(curves: &[Curve]) -> Markup {
    let mut titles: Vec<&str> = Vec::new();
    for curve in curves {
        if !titles.contains(&title(curve)) {
            titles.push(title(curve));
        }
    }
    titles.sort_by_key(|title| rank(title));
    html! {
        div.charts {
            @for wanted in titles {
                @let of_kind: Vec<&Curve> = curves.iter().filter(|curve| title(curve) == wanted).collect();
                div.curves {
                    (chart(wanted, &of_kind))
                    @if of_kind.len() > 1 { (legend(of_kind.iter().map(|curve| curve.name.as_str()))) }
                }
            }
        }
    }
}

/// The chart that a curve is drawn in.
fn title(curve: &Curve) -> &str {
    let kind = curve.name.rsplit('/').next().unwrap_or_default();
    match kind {
        "epoch_loss" => LOSS,
        kind if Metric::ALL.iter().any(|metric| metric.key() == kind) => RETRIEVAL,
        kind => kind,
    }
}

/// What matters most comes first.
fn rank(title: &str) -> usize {
    match title {
        LOSS => 0,
        RETRIEVAL => 1,
        title if title.ends_with("loss") => 2,
        "learning_rate" => 4,
        "gradient_norm" => 5,
        _ => 3,
    }
}

fn chart(title: &str, curves: &[&Curve]) -> Markup {
    let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| thinned(&curve.points)).collect();
    let finite = || lines.iter().flatten().filter(|point| point.1.is_finite());
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)])
    };
    let (x, y) = (range(&mut finite().map(|point| point.0)), range(&mut finite().map(|point| point.1)));
    if x[0] > x[1] {
        return html! { figure.chart { figcaption { (title) } p.note { "no finite value" } } };
    }
    let title = title.replace('_', " ");
    let frame = if is_wide(y) { Frame::logarithmic(x, y) } else { Frame::new(x, y) };
    let content = html! {
        @for (number, line) in lines.iter().enumerate() {
            @for run in line.split(|point| !point.1.is_finite()).filter(|run| !run.is_empty()) {
                @let points = run.iter().map(|(x, y)| format!("{},{}", place(frame.x(*x)), place(frame.y(*y))));
                polyline class={ "line " (colour(number)) } points=(points.collect::<Vec<_>>().join(" ")) {}
                @if run.len() == 1 { circle class={ "dot " (colour(number)) } cx=(place(frame.x(run[0].0))) cy=(place(frame.y(run[0].1))) r="3" {} }
            }
        }
    };
    frame.chart(&title, "step", "", &content)
}

/// Means of as many neighbours as leave few enough points. A mean with a value that is not finite is none.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |block: &[(f64, f64)]| {
        let of = |value: fn(&(f64, f64)) -> f64| block.iter().map(value).sum::<f64>() / block.len() as f64;
        (of(|point| point.0), of(|point| point.1))
    };
    points.chunks(together).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(name: &str, points: &[(f64, f64)]) -> Curve {
        Curve { name: name.into(), points: points.to_vec() }
    }

    #[test]
    fn measures_of_retrieval_share_a_chart_and_the_loss_comes_first() {
        let point = [(1.0, 0.5), (2.0, 0.25)];
        let names = [
            "learning_rate",
            "validation/map_at_r",
            "validation/precision_at_1",
            "train/loss",
            "train/epoch_loss",
        ];
        let page = drawn(&names.map(|name| curve(name, &point))).into_string();
        assert_eq!(page.matches("<figure").count(), 3);
        let at = |text: &str| page.find(text).unwrap();
        assert!(at("train/epoch_loss") < at(RETRIEVAL) && at(RETRIEVAL) < at("learning rate"), "{page}");
    }

    #[test]
    fn a_long_curve_is_drawn_by_its_means_and_a_gap_stays_one() {
        let points: Vec<(f64, f64)> = (0..3000).map(|step| (f64::from(step), f64::from(step % 2))).collect();
        let thin = thinned(&points);
        assert_eq!((thin.len(), thin[0]), (MOST_POINTS, (4.5, 0.5)));
        let page = chart("x", &[&curve("x", &[(1.0, 1.0), (2.0, f64::NAN), (3.0, 2.0)])]).into_string();
        assert_eq!(page.matches("<polyline").count(), 2);
        assert!(chart("x", &[&curve("x", &[(1.0, f64::NAN)])]).into_string().contains("no finite value"));
    }
}
