//! Finding the header fields that number the traces.

use super::arrange::{gcd, largest_cluster};
use super::layout::Layout;
use super::scan::{for_each_header, scatter};
use super::source::ReadAt;
use super::trace_header::{HeaderField, TraceHeader};
use super::{OpenOptions, SegyError};
use crate::LineNumbering;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Files of up to so many traces are looked at whole.
const SAMPLED_TRACES: u64 = 4096;
/// Of larger ones, blocks of so many consecutive traces.
const BLOCK_TRACES: u64 = 64;
/// A pair of fields that scores less does not number a volume's traces; standard places are trusted earlier.
const ACCEPTED: f64 = 0.75;
const ACCEPTED_STANDARD: f64 = 0.55;
/// A gap of so many usual steps makes a number a stray one. Wide, since between the blocks of a sample there are gaps.
const STRAY_GAP: u64 = 4096;
/// Candidates kept for the report.
const REPORTED: usize = 5;

/// Which header fields number the traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberFields {
    /// A 3-D volume's inline and crossline number.
    Volume {
        /// Where the inline number is.
        inline: HeaderField,
        /// Where the crossline number is.
        crossline: HeaderField,
    },
    /// The number along a 2-D line; without a field, traces count as they come.
    Line {
        /// Where the number is.
        number: Option<HeaderField>,
        /// What it counts.
        numbered_by: LineNumbering,
    },
}

/// A guess at the fields that number the traces, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeometryCandidate {
    /// The fields.
    pub fields: NumberFields,
    /// How well they do, 0..1.
    pub score: f64,
    /// Why, in a sentence.
    pub explanation: String,
}

/// Pairs of places that are in use for inline and crossline, with how far they are trusted beforehand.
const KNOWN_PAIRS: [(HeaderField, HeaderField, f64, &str); 9] = [
    (HeaderField::INLINE, HeaderField::CROSSLINE, 1.0, "the standard's places"),
    (HeaderField::FIELD_RECORD, HeaderField::CDP, 0.7, "places common before revision 1"),
    (HeaderField::TRACE_IN_FILE, HeaderField::CDP, 0.4, "places in use"),
    (HeaderField::FIELD_RECORD, HeaderField::TRACE_IN_RECORD, 0.5, "places in use"),
    (HeaderField::SOURCE_POINT, HeaderField::CDP, 0.5, "places in use"),
    (HeaderField::CDP_X, HeaderField::CDP_Y, 0.3, "places in use, unless they hold coordinates"),
    (HeaderField::int32_at(221), HeaderField::int32_at(225), 0.5, "places in use"),
    (HeaderField::int32_at(229), HeaderField::int32_at(233), 0.5, "places in use"),
    (HeaderField::int32_at(233), HeaderField::int32_at(237), 0.5, "places in use"),
];

/// Fields that number traces in some file or other. The first two only count traces, the coordinates only stand on a
/// grid; all can look like line numbers, so they come with no trust.
const SINGLE_BYTES: [u16; 25] = [
    1, 5, 9, 13, 17, 21, 25, 73, 77, 81, 85, 181, 185, 189, 193, 197, 201, 205, 213, 217, 221, 225, 229, 233,
    237,
];

/// Fields that may count along a 2-D line, best first.
const LINE_FIELDS: [(HeaderField, LineNumbering, f64); 6] = [
    (HeaderField::CDP, LineNumbering::Cdp, 1.0),
    (HeaderField::CROSSLINE, LineNumbering::Cdp, 0.8),
    (HeaderField::SHOT_POINT, LineNumbering::Shot, 0.6),
    (HeaderField::SOURCE_POINT, LineNumbering::Shot, 0.6),
    (HeaderField::FIELD_RECORD, LineNumbering::Shot, 0.4),
    (HeaderField::TRACE_IN_LINE, LineNumbering::Trace, 0.2),
];

/// What was decided about the fields that number the traces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Detected {
    pub fields: NumberFields,
    /// All guesses worth telling, best first.
    pub candidates: Vec<GeometryCandidate>,
}

/// Ranks the fields that may number the traces and chooses; what `options` say by hand is taken.
pub(super) fn detect(
    name: &str,
    source: &dyn ReadAt,
    layout: &Layout,
    options: &OpenOptions,
) -> Result<Detected, SegyError> {
    let sample = Sample::read(name, source, layout)?;
    let mut candidates = sample.volume_candidates();
    let lines = sample.line_candidates();
    let volume = candidates.first().filter(|best| {
        let standard = matches!(best.fields, NumberFields::Volume { inline: HeaderField::INLINE, .. });
        best.score >= if standard { ACCEPTED_STANDARD } else { ACCEPTED }
    });
    let fields = if let Some(number) = options.trace_number {
        let known = LINE_FIELDS.iter().find(|(field, ..)| *field == number);
        NumberFields::Line {
            number: Some(number),
            numbered_by: known.map_or(LineNumbering::Cdp, |known| known.1),
        }
    } else if options.inline.is_some() || options.crossline.is_some() {
        NumberFields::Volume {
            inline: options.inline.unwrap_or(HeaderField::INLINE),
            crossline: options.crossline.unwrap_or(HeaderField::CROSSLINE),
        }
    } else if let Some(volume) = volume {
        volume.fields
    } else {
        sample.single_line(&lines)
    };
    candidates.extend(lines);
    candidates.truncate(REPORTED);
    Ok(Detected { fields, candidates })
}

/// Headers of some traces.
struct Sample {
    /// Blocks of consecutive traces.
    blocks: Vec<Vec<TraceHeader>>,
    trace_count: u64,
}

/// The values of one field in the sample.
struct Column {
    field: HeaderField,
    blocks: Vec<Vec<i32>>,
    first: i32,
    last: i32,
    /// Greatest common divisor of the differences; 0 for a constant.
    step: u64,
}

impl Column {
    fn lines(&self) -> f64 {
        match self.step {
            0 => 1.0,
            step => self.first.abs_diff(self.last) as f64 / step as f64 + 1.0,
        }
    }
}

impl Sample {
    fn read(name: &str, source: &dyn ReadAt, layout: &Layout) -> Result<Self, SegyError> {
        let traces = layout.trace_count;
        let starts: Vec<(u64, u64)> = if traces <= SAMPLED_TRACES {
            vec![(0, traces)]
        } else {
            let blocks = SAMPLED_TRACES / BLOCK_TRACES;
            let room = traces - BLOCK_TRACES;
            let stride = room / (blocks - 1);
            // The first and the last block lie at the ends, the others anywhere, so as not to fall in step with lines.
            let start = |block: u64| match block {
                0 => 0,
                block if block == blocks - 1 => room,
                block => (block * stride + scatter(block) % stride).min(room),
            };
            (0..blocks).map(|block| (start(block), BLOCK_TRACES)).collect()
        };
        let mut blocks = Vec::with_capacity(starts.len());
        for (start, count) in starts {
            let mut block = Vec::new();
            for_each_header(name, source, layout, start..start + count, |_, header, _| {
                block.push(header.clone());
            })?;
            blocks.push(block);
        }
        Ok(Self { blocks, trace_count: traces })
    }

    fn column(&self, field: HeaderField) -> Column {
        let blocks: Vec<Vec<i32>> =
            self.blocks.iter().map(|block| block.iter().map(|header| header.get(field)).collect()).collect();
        let mut values: Vec<i32> = blocks.iter().flatten().copied().collect();
        values.sort_unstable();
        values.dedup();
        let values = largest_cluster(&values, STRAY_GAP);
        let (first, last) = (values.first().copied().unwrap_or(0), values.last().copied().unwrap_or(0));
        let step = values.iter().fold(0, |step, value| gcd(step, u64::from(value.abs_diff(first))));
        Column { field, blocks, first, last, step }
    }

    fn volume_candidates(&self) -> Vec<GeometryCandidate> {
        let columns: Vec<Column> = SINGLE_BYTES
            .into_iter()
            .map(|byte| self.column(HeaderField::int32_at(byte)))
            // Something that numbers lines takes more than one value and no absurd number of them.
            .filter(|column| column.step > 0 && column.lines() <= 64.0 * self.trace_count as f64)
            .collect();
        let offsets = self.column(HeaderField::OFFSET);
        let mut candidates = Vec::new();
        for (index, one) in columns.iter().enumerate() {
            for other in &columns[index + 1..] {
                // The inline is the number that changes more slowly, unless the places are known.
                let known = |a: &Column, b: &Column| {
                    KNOWN_PAIRS.iter().find(|known| known.0 == a.field && known.1 == b.field)
                };
                let (inline, crossline) = match (known(one, other), known(other, one)) {
                    (Some(_), _) => (one, other),
                    (_, Some(_)) => (other, one),
                    _ if changes(one) <= changes(other) => (one, other),
                    _ => (other, one),
                };
                let (trust, whose) =
                    known(inline, crossline).map_or((0.0, "other places"), |known| (known.2, known.3));
                candidates.push(self.rate_pair(inline, crossline, &offsets, trust, whose));
            }
        }
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        candidates.truncate(REPORTED);
        candidates
    }

    fn rate_pair(
        &self,
        inline: &Column,
        crossline: &Column,
        offsets: &Column,
        trust: f64,
        whose: &str,
    ) -> GeometryCandidate {
        let pairs = || inline.blocks.iter().flatten().zip(crossline.blocks.iter().flatten());
        let traces = pairs().count().max(1) as f64;
        let bins = pairs().collect::<HashSet<_>>().len() as f64;
        let numbered: HashSet<_> = pairs().zip(offsets.blocks.iter().flatten()).collect();
        let unique = numbered.len() as f64 / traces;
        let fold = traces / bins.max(1.0);
        // From trace to trace one number stands still while the other goes on; within a gather the offset does.
        let (mut orderly, mut steps) = (0_u32, 0_u32);
        for ((inline, crossline), offset) in inline.blocks.iter().zip(&crossline.blocks).zip(&offsets.blocks)
        {
            for trace in 1..inline.len() {
                let moved = |values: &[i32]| values[trace] != values[trace - 1];
                steps += 1;
                orderly += u32::from(match (moved(inline), moved(crossline)) {
                    (true, true) => false,
                    (false, false) => moved(offset),
                    _ => true,
                });
            }
        }
        // The ends of lines are no disorder.
        let order = (f64::from(orderly) / f64::from(steps.max(1)) / 0.7).min(1.0);
        let grid = inline.lines() * crossline.lines();
        let fill = self.trace_count as f64 / fold / grid;
        // Up to 70 % of the grid may be missing before it looks wrong.
        let filled = if fill > 1.0 { 1.0 / fill } else { (fill / 0.3).min(1.0) };
        let score = 0.35 * unique + 0.25 * order + 0.25 * filled + 0.15 * trust;
        let folds = if fold > 1.05 { format!(", {fold:.1} traces a bin") } else { String::new() };
        let explanation = format!(
            "3-D, inline at {} and crossline at {} ({whose}): numbers {}–{} step {} by {}–{} step {}, {:.0} % of the \
             traces told apart, {:.0} % of the grid filled{folds}",
            inline.field,
            crossline.field,
            inline.first,
            inline.last,
            inline.step,
            crossline.first,
            crossline.last,
            crossline.step,
            100.0 * unique,
            100.0 * fill.min(1.0),
        );
        let fields = NumberFields::Volume { inline: inline.field, crossline: crossline.field };
        GeometryCandidate { fields, score, explanation }
    }

    fn line_candidates(&self) -> Vec<GeometryCandidate> {
        let offsets = self.column(HeaderField::OFFSET);
        let mut candidates: Vec<GeometryCandidate> = LINE_FIELDS
            .iter()
            .map(|&(field, numbered_by, trust)| (self.column(field), numbered_by, trust))
            .filter(|(column, ..)| column.step > 0)
            .map(|(column, numbered_by, trust)| {
                let values = || column.blocks.iter().flatten();
                let traces = values().count().max(1) as f64;
                let unique = values().zip(offsets.blocks.iter().flatten()).collect::<HashSet<_>>().len() as f64 / traces;
                let rising = monotone(&column);
                let counts = match numbered_by {
                    LineNumbering::Cdp => "CDP",
                    LineNumbering::Shot => "shot",
                    LineNumbering::Trace => "trace",
                };
                let explanation = format!(
                    "2-D, {counts} number at {}: {}–{} step {}, {:.0} % of the traces told apart, {:.0} % in order",
                    column.field,
                    column.first,
                    column.last,
                    column.step,
                    100.0 * unique,
                    100.0 * rising,
                );
                let score = 0.4 * unique + 0.3 * rising + 0.3 * trust;
                let fields = NumberFields::Line { number: Some(column.field), numbered_by };
                GeometryCandidate { fields, score, explanation }
            })
            .collect();
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        candidates
    }

    /// What a file is in which no two fields make a grid: one line of a volume, or a 2-D line.
    fn single_line(&self, lines: &[GeometryCandidate]) -> NumberFields {
        let inline = self.column(HeaderField::INLINE);
        let crossline = self.column(HeaderField::CROSSLINE);
        let one_varies = (inline.step > 0) != (crossline.step > 0);
        let constant = if inline.step > 0 { crossline.first } else { inline.first };
        let cdp_varies = self.column(HeaderField::CDP).step > 0;
        if self.trace_count == 1 || (one_varies && (constant != 0 || !cdp_varies)) {
            return NumberFields::Volume { inline: HeaderField::INLINE, crossline: HeaderField::CROSSLINE };
        }
        lines
            .first()
            .filter(|best| best.score >= 0.5)
            .map_or(NumberFields::Line { number: None, numbered_by: LineNumbering::Trace }, |best| {
                best.fields
            })
    }
}

/// How often the numbers change from trace to trace.
fn changes(column: &Column) -> usize {
    column.blocks.iter().flat_map(|block| block.windows(2)).filter(|pair| pair[0] != pair[1]).count()
}

/// Share of the steps from trace to trace that go the way most go (or stay).
fn monotone(column: &Column) -> f64 {
    let (mut up, mut down, mut all) = (0_u32, 0_u32, 0_u32);
    for pair in column.blocks.iter().flat_map(|block| block.windows(2)) {
        all += 1;
        up += u32::from(pair[1] >= pair[0]);
        down += u32::from(pair[1] <= pair[0]);
    }
    f64::from(up.max(down)) / f64::from(all.max(1))
}
