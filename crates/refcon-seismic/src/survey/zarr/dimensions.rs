//! Which dimension of an array is which, and the numbers along it.

use crate::{Domain, LineAxis};

/// Which dimension (counted from the slowest) holds what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Volume { inline: usize, crossline: usize, sample: usize },
    Section { sample: usize, trace: usize },
}

const INLINE: &[&str] = &["inline", "iline", "il"];
const CROSSLINE: &[&str] = &["crossline", "xline", "xl"];
const TIME: &[&str] = &["time", "twt"];
const DEPTH: &[&str] = &["depth", "z"];
const SAMPLE: &[&str] = &["sample", "samples"];
const TRACE: &[&str] = &["cdp", "cmp", "trace", "traces", "ensemble"];
/// What xarray calls a dimension that nobody named.
const UNNAMED: &str = "dim_";

/// The order that the names tell; without names `[inline, crossline, sample]` or `[sample, trace]`. `None` where they
/// name something else.
pub(super) fn order(names: &[Option<&str>]) -> Option<Order> {
    let place = |known: &[&[&str]]| {
        names.iter().position(|name| {
            name.is_some_and(|name| {
                known.iter().any(|known| known.iter().any(|k| k.eq_ignore_ascii_case(name)))
            })
        })
    };
    let unnamed =
        names.iter().all(|name| name.is_none_or(|name| name.is_empty() || name.starts_with(UNNAMED)));
    let sample = || place(&[TIME, DEPTH, SAMPLE]);
    match names.len() {
        3 if unnamed => Some(Order::Volume { inline: 0, crossline: 1, sample: 2 }),
        3 => Some(Order::Volume {
            inline: place(&[INLINE])?,
            crossline: place(&[CROSSLINE])?,
            sample: sample()?,
        }),
        2 if unnamed => Some(Order::Section { sample: 0, trace: 1 }),
        // A section of a volume runs along one of its lines.
        2 => Some(Order::Section { sample: sample()?, trace: place(&[TRACE, INLINE, CROSSLINE])? }),
        _ => None,
    }
}

/// Time or depth, where the name of the sample dimension tells.
pub(super) fn domain(name: &str) -> Option<Domain> {
    let among = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    if among(TIME) {
        return Some(Domain::Time);
    }
    among(DEPTH).then_some(Domain::Depth)
}

/// The axis of line numbers that are whole and evenly spaced, in whichever direction.
pub(super) fn line_axis(numbers: &[f64]) -> Result<LineAxis, String> {
    let mut whole = Vec::with_capacity(numbers.len());
    for (index, &number) in numbers.iter().enumerate() {
        if f64::from(number as i32) != number {
            return Err(format!("number {index} is {number}, expected a whole number of at most 32 bits"));
        }
        whole.push(number as i32);
    }
    let first = whole[0];
    let step = whole.get(1).map_or(Some(1), |second| second.checked_sub(first)).unwrap_or(0);
    if step == 0 {
        return Err(format!("the first two numbers are {first} and {}, expected neighbours", whole[1]));
    }
    for (index, &number) in whole.iter().enumerate() {
        let expected = i64::from(first) + i64::from(step) * index as i64;
        if i64::from(number) != expected {
            return Err(format!(
                "number {index} is {number}, expected {expected}: evenly spaced from {first} by {step}; store it on a \
                 regular grid"
            ));
        }
    }
    Ok(LineAxis { first, step, count: numbers.len() })
}

/// How far a position may lie off its place, as a part of the interval: positions may have been stored as 32-bit floats.
const PLACE_TOLERANCE: f64 = 1e-3;

/// First position and interval (`None` of one sample only) of rising, evenly spaced positions.
pub(super) fn sample_axis(positions: &[f64]) -> Result<(f64, Option<f64>), String> {
    let first = positions[0];
    let last = positions[positions.len() - 1];
    if positions.len() == 1 && first.is_finite() {
        return Ok((first, None));
    }
    let interval = (last - first) / (positions.len() - 1) as f64;
    if !(interval.is_finite() && interval > 0.0) {
        return Err(format!("they run from {first} to {last}, expected rising positions"));
    }
    let off = positions.iter().enumerate().find(|&(index, &position)| {
        let expected = first + interval * index as f64;
        (position - expected).abs() > PLACE_TOLERANCE * interval || position.is_nan()
    });
    match off {
        Some((index, position)) => Err(format!(
            "position {index} is {position}, expected {}: evenly spaced from {first} by {interval}; resample it",
            first + interval * index as f64
        )),
        None => Ok((first, Some(interval))),
    }
}

/// The domain of positions in `unit`, and what they are multiplied with to be in that domain's own unit.
pub(super) fn scale(domain: Domain, unit: &str) -> Option<(Domain, f64)> {
    let scale = match (domain, unit) {
        (Domain::Time, "s" | "second" | "seconds") => 1000.0,
        (Domain::Time, "ms" | "millisecond" | "milliseconds") => 1.0,
        (Domain::Time, "us" | "µs" | "μs" | "microsecond" | "microseconds") => 1e-3,
        (Domain::Time, "ns") => 1e-6,
        (Domain::Depth | Domain::DepthFeet, "m" | "meter" | "meters" | "metre" | "metres") => 1.0,
        (Domain::Depth | Domain::DepthFeet, "km") => 1000.0,
        (Domain::Depth | Domain::DepthFeet, "cm") => 0.01,
        (Domain::Depth | Domain::DepthFeet, "mm") => 0.001,
        (Domain::Depth | Domain::DepthFeet, "ft" | "foot" | "feet") => return Some((Domain::DepthFeet, 1.0)),
        _ => return None,
    };
    Some((if domain == Domain::Time { Domain::Time } else { Domain::Depth }, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_order_of_the_dimensions() {
        let named = |names: &[&'static str]| order(&names.iter().map(|&name| Some(name)).collect::<Vec<_>>());
        assert_eq!(
            named(&["time", "Xline", "IL"]),
            Some(Order::Volume { inline: 2, crossline: 1, sample: 0 })
        );
        assert_eq!(named(&["cdp", "depth"]), Some(Order::Section { sample: 1, trace: 0 }));
        assert_eq!(order(&[None, None]), Some(Order::Section { sample: 0, trace: 1 }));
        assert_eq!(
            named(&["dim_0", "dim_1", "dim_2"]),
            Some(Order::Volume { inline: 0, crossline: 1, sample: 2 })
        );
        assert_eq!(named(&["cdp", "offset", "time"]), None);
        assert_eq!(named(&["inline", "crossline", "offset", "time"]), None);
        assert_eq!(order(&[None]), None);
    }

    #[test]
    fn line_numbers_may_fall_but_not_jump() {
        assert_eq!(line_axis(&[7.0, 5.0, 3.0]), Ok(LineAxis { first: 7, step: -2, count: 3 }));
        assert_eq!(line_axis(&[7.0]), Ok(LineAxis { first: 7, step: 1, count: 1 }));
        assert!(line_axis(&[1.0, 2.0, 4.0]).unwrap_err().contains("number 2 is 4, expected 3"));
        assert!(line_axis(&[1.0, 1.0]).unwrap_err().contains("expected neighbours"));
        assert!(line_axis(&[1.5, 2.5]).unwrap_err().contains("whole"));
        assert!(line_axis(&[f64::NAN]).is_err());
        assert!(line_axis(&[-2_147_483_648.0, 2_147_483_647.0]).is_err());
    }

    #[test]
    fn sample_positions_rise_evenly() {
        let floats: Vec<f64> = (0..1000).map(|n| f64::from(2.0_f32 + 0.004 * n as f32)).collect();
        let (first, interval) = sample_axis(&floats).unwrap();
        assert!(first == 2.0 && (interval.unwrap() - 0.004).abs() < 1e-9);
        assert_eq!(sample_axis(&[12.0]), Ok((12.0, None)));
        assert!(sample_axis(&[8.0, 4.0]).unwrap_err().contains("rising"));
        assert!(sample_axis(&[0.0, 4.0, 9.0, 12.0]).unwrap_err().contains("position 2 is 9"));
        assert!(sample_axis(&[0.0, f64::NAN, 8.0]).is_err());
    }
}
