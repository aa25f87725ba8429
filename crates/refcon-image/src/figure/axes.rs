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

/// Ticks that need more decimals than these, or are so far apart, are written with a power of ten.
const MOST_DECIMALS: i32 = 6;
const LARGEST_PLAIN_STEP: f64 = 1e8;

/// `value` with the decimals that ticks `step` apart need.
#[must_use]
pub fn tick_label(value: f64, step: f64) -> String {
    let decimals = (0..=MOST_DECIMALS).find(|&d| is_whole(step.abs() * 10f64.powi(d)));
    match decimals {
        // The hyphen is too short beside a digit.
        Some(decimals) if step.abs() < LARGEST_PLAIN_STEP => {
            format!("{value:.*}", decimals as usize).replace('-', "−")
        }
        _ => power_label(value, step),
    }
}

/// `value` as a power of ten, such as `1.05e−3`, with the digits that tell ticks `step` apart.
#[must_use]
pub fn power_label(value: f64, step: f64) -> String {
    let exponent = |number: f64| number.abs().log10().floor() as i32;
    if value == 0.0 || step == 0.0 || !value.is_finite() || !step.is_finite() {
        return format!("{value}").replace('-', "−");
    }
    let of_step = if is_whole(step.abs() / 10f64.powi(exponent(step))) { 0 } else { 1 };
    let digits = (exponent(value) - exponent(step) + of_step).clamp(0, 15) as usize;
    let text = format!("{value:.digits$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = if digits > 0 { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    format!("{mantissa}e{power}").replace('-', "−")
}

/// Whether a number is whole but for rounding.
fn is_whole(number: f64) -> bool {
    (number - number.round()).abs() <= 1e-6 * number
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
        let tiny = [-4e-8, -2e-8, 0.0, 2e-8, 4e-8].map(|value| tick_label(value, 2e-8));
        assert_eq!(tiny, ["−4e−8", "−2e−8", "0", "2e−8", "4e−8"]);
        assert_eq!(tick_label(2.5e9, 5e8), "2.5e9");
    }

    #[test]
    fn powers_have_the_digits_that_tell_them_apart() {
        let rates = [1e-3, 1.05e-3, 1.1e-3].map(|value| power_label(value, 5e-5));
        assert_eq!(rates, ["1e−3", "1.05e−3", "1.1e−3"]);
        assert_eq!(power_label(1.025e-3, 2.5e-5), "1.025e−3");
        assert_eq!(power_label(2e-5, 2e-5), "2e−5");
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
