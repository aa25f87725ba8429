//! How large the amplitudes of a survey are, from some of its sections.

use super::Clip;
use refcon_seismic::{Direction, Survey, SurveyError, absolute_percentile};

/// Amplitudes that are looked at, about: enough for a percentile, read in a moment.
const SAMPLES: usize = 8 << 20;
/// Sections that are looked at, however short they are.
const SECTIONS: usize = 64;

/// Percentiles of the absolute amplitudes, from inlines spread evenly over the survey: all of them where they are few. Reading
/// every trace of a large survey takes minutes.
pub(super) fn of(survey: &Survey) -> Result<Clip, SurveyError> {
    let traces = survey.geometry().traces(Direction::Inline).map_or(0, |traces| traces.count);
    let of_section = traces.saturating_mul(survey.samples().count).max(1);
    let mut amplitudes = Vec::new();
    if let Some(inlines) = survey.lines(Direction::Inline) {
        let wanted = (SAMPLES / of_section).clamp(1, SECTIONS).min(inlines.count);
        for number in 0..wanted {
            // The middle of each of `wanted` equal parts.
            let index = (2 * number + 1) * inlines.count / (2 * wanted);
            let section = survey.read_section(Direction::Inline, inlines.number(index))?;
            // Bins without a trace are zeros, and say nothing of the amplitudes.
            amplitudes.extend(section.amplitudes.into_iter().filter(|&amplitude| amplitude != 0.0));
        }
    }
    let percentile = |percent| absolute_percentile(&amplitudes, percent);
    Ok(Clip { p99: percentile(99.0), p995: percentile(99.5), p999: percentile(99.9) })
}
