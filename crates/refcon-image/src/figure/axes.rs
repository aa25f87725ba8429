//! Axes: round numbers along a side.

/// What runs along one side of a plot: from the value at the centre of the first pixel to that of the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Such as `Crossline` or `Two-way time`.
    pub label: String,
    /// Such as `ms`; empty for plain numbers.
    pub unit: String,
    /// Value at the first column or row.
    pub first: f64,
    /// Value at the last one.
    pub last: f64,
    /// Whether only whole numbers mean something, as with the numbers of lines: no tick stands between them.
    pub whole: bool,
}

impl Axis {
    /// `label (unit)`, or the label alone.
    #[must_use]
    pub fn title(&self) -> String {
        if self.unit.is_empty() { self.label.clone() } else { format!("{} ({})", self.label, self.unit) }
    }

    /// Where `value` lies between the first (0) and the last (1).
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        if self.first == self.last { 0.5 } else { (value - self.first) / (self.last - self.first) }
    }
}

/// From this ratio of the greatest to the smallest value on, an axis is logarithmic.
const WIDE: f64 = 30.0;

/// Whether values from `low` to `high` want a logarithmic axis.
#[must_use]
pub fn is_wide([low, high]: [f64; 2]) -> bool {
    low > 0.0 && high / low >= WIDE
}

/// A range of no length is widened, so that what lies in it stands in the middle; others stay as they are.
#[must_use]
pub fn widened([low, high]: [f64; 2]) -> [f64; 2] {
    let room = match low.abs() {
        _ if low < high => 0.0,
        0.0 => 0.5,
        size => 0.1 * size,
    };
    [low - room, high + room]
}

/// Round values (1, 2, 2.5 or 5 times a power of ten apart) between `first` and `last`, about `wanted` of them.
///
/// Values that are not finite, or equal ends, give the first alone, or nothing.
#[must_use]
pub fn ticks(first: f64, last: f64, wanted: usize) -> Vec<f64> {
    let (low, high) = (first.min(last), first.max(last));
    let span = high - low;
    if !(first.is_finite() && last.is_finite() && span.is_finite()) {
        return Vec::new();
    }
    let rough = span / wanted.max(1) as f64;
    if rough <= 0.0 || !rough.is_normal() {
        return vec![low + 0.0];
    }
    let power = 10f64.powf(rough.log10().floor());
    let distance = |step: f64| (step / rough).ln().abs();
    let step = [2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|round| round * power)
        .fold(power, |best, step| if distance(step) < distance(best) { step } else { best });
    // Half a millionth of a step is rounding, not distance.
    let slack = 1e-6;
    let (start, end) = ((low / step - slack).ceil(), (high / step + slack).floor());
    let count = (end - start) as usize + 1;
    // Adding zero turns −0 into 0.
    (0..count).map(|i| (start + i as f64) * step + 0.0).collect()
}

/// `value` with the decimals that ticks `step` apart need.
#[must_use]
pub fn tick_label(value: f64, step: f64) -> String {
    let decimals = (0..6).find(|&d| {
        let scaled = step.abs() * 10f64.powi(d);
        (scaled - scaled.round()).abs() <= 1e-6 * scaled
    });
    let text = format!("{value:.*}", decimals.unwrap_or(6) as usize);
    // The hyphen is too short beside a digit.
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1000.0, 5), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(ticks(1848.0, 4.0, 4), [500.0, 1000.0, 1500.0]);
        assert_eq!(ticks(-0.1, 0.1, 4), [-0.1, -0.05, 0.0, 0.05, 0.1]);
        assert_eq!(ticks(7.0, 7.0, 5), [7.0]);
        assert!(ticks(f64::NAN, 1.0, 5).is_empty());
    }

    #[test]
    fn labels_have_the_decimals_of_their_step() {
        assert_eq!(tick_label(500.0, 250.0), "500");
        assert_eq!(tick_label(0.5, 0.25), "0.50");
        assert_eq!(tick_label(-2.5, 2.5), "−2.5");
    }

    proptest! {
        #[test]
        fn ticks_lie_between_the_ends_and_are_about_as_many_as_wanted(
            first in -1e6f64..1e6,
            span in 1e-3f64..1e6,
            wanted in 2usize..12,
        ) {
            let last = first + span;
            let found = ticks(first, last, wanted);
            prop_assert!(found.len() <= wanted + wanted / 2 + 1, "{found:?}");
            prop_assert!(found.len() + 1 >= wanted / 2, "{found:?}");
            for tick in found {
                prop_assert!(tick >= first - 1e-3 * span && tick <= last + 1e-3 * span);
            }
        }
    }
}
