//! A belt of meandering channels.

use super::layering::{BedColumn, Bedding};
use super::random_fields::{Stream, between, sign, stream, wave};
use super::spec::SyntheticSpec;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The strip of the map, and the interval of layers, that the channels keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belt {
    /// A place on the middle line.
    pub(super) centre: [f64; 2],
    /// Unit vector down the valley.
    pub(super) along: [f64; 2],
    /// Traces from side to side.
    pub(super) width: f64,
    /// Top and base of the host, in depositional samples.
    pub(super) interval: [f64; 2],
}

/// One channel: incised from `top` down, U- or V-shaped, filled with beds of its own over a bright lag.
#[derive(Debug)]
struct Channel {
    top: f64,
    depth: f64,
    half_width: f64,
    /// Traces from the middle line of the belt.
    offset: f64,
    /// Traces across the belt per trace along it.
    heading: f64,
    /// Amplitude (traces), wavelength (traces) and phase of a meander, and of a longer one.
    meanders: [[f64; 3]; 2],
    /// 0 for a V, 1 for a U with a flat floor.
    flat_floor: f64,
    /// How much of the fill drapes the channel's floor instead of lying level.
    drape: f64,
    lag: f64,
}

/// Every channel of a survey, the youngest first.
#[derive(Debug)]
pub(super) struct Channels {
    belt: Belt,
    channels: Vec<Channel>,
    fill: BedColumn,
    lag_thickness: f64,
}

/// What of one channel lies below a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incision {
    channel: usize,
    top: f64,
    base: f64,
}

impl Incision {
    /// How much of the interval between `a` and `b` the channel takes up, 0 to 1.
    pub(super) fn share_between(self, a: f64, b: f64) -> f64 {
        let (low, high) = (a.min(b), a.max(b));
        let inside = high.min(self.base) - low.max(self.top);
        if high > low { (inside / (high - low)).clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// The channels below a column, the youngest first.
pub(super) type ChannelsOnColumn = Vec<Incision>;

impl Channels {
    pub(super) fn draw(spec: &SyntheticSpec, belt: Belt) -> Self {
        let mut rng = stream(spec.seed, Stream::Channels, 0);
        let period = spec.period();
        let count = rng.random_range(4..=6_u32);
        let mut channels: Vec<Channel> = (0..count)
            .map(|index| Channel::draw(&mut rng, belt, period, f64::from(index) / f64::from(count - 1)))
            .collect();
        channels.sort_by(|one, other| one.top.total_cmp(&other.top));
        let bedding = Bedding { thickness: [0.35 * period, 0.8 * period], contrast: [0.3, 1.0] };
        let fill = BedColumn::draw(&mut rng, [-10.0, spec.samples as f64], bedding);
        Self { belt, channels, fill, lag_thickness: 0.55 * period }
    }

    pub(super) fn on_column(&self, map: [f64; 2]) -> ChannelsOnColumn {
        let offset = [map[0] - self.belt.centre[0], map[1] - self.belt.centre[1]];
        let down = offset[0] * self.belt.along[0] + offset[1] * self.belt.along[1];
        let across = offset[1] * self.belt.along[0] - offset[0] * self.belt.along[1];
        let incisions = self.channels.iter().enumerate();
        incisions
            .filter_map(|(index, channel)| {
                let depth = channel.depth_at(down, across);
                (depth > 0.5).then_some(Incision {
                    channel: index,
                    top: channel.top,
                    base: channel.top + depth,
                })
            })
            .collect()
    }

    /// The youngest channel that holds depositional sample `at`.
    pub(super) fn holding(column: &ChannelsOnColumn, at: f64) -> Option<Incision> {
        column.iter().copied().find(|incision| (incision.top..incision.base).contains(&at))
    }

    /// Logarithmic impedance of the fill between `a` and `b`, both in depositional samples.
    pub(super) fn log_impedance(&self, incision: Incision, a: f64, b: f64) -> f64 {
        let channel = &self.channels[incision.channel];
        let stretch = channel.depth / (incision.base - incision.top);
        let bed = |at: f64| (at - incision.top) * (channel.drape * stretch + 1.0 - channel.drape);
        let beds = self.fill.mean(
            bed(a) + 3.0 * channel.offset.abs(),
            bed(b) + 3.0 * channel.offset.abs(),
            [1.6, 0.4],
        );
        let above_floor = (incision.base - 0.5 * (a + b)) / self.lag_thickness;
        if above_floor < 1.0 { channel.lag } else { beds }
    }
}

impl Channel {
    fn draw(rng: &mut ChaCha8Rng, belt: Belt, period: f64, place: f64) -> Self {
        let thickness = belt.interval[1] - belt.interval[0];
        let depth = (period * between(rng, 2.2, 4.2)).min(0.4 * thickness);
        let half_width = belt.width * between(rng, 0.08, 0.15);
        // Spread down the host and, independently, from side to side.
        let room = thickness - depth;
        Self {
            top: belt.interval[0] + room * (0.08 + 0.8 * place + between(rng, -0.05, 0.05)).max(0.02),
            depth,
            half_width,
            offset: belt.width * between(rng, -0.28, 0.28),
            heading: sign(rng) * between(rng, 0.1, 0.5),
            meanders: [
                [
                    belt.width * between(rng, 0.06, 0.14),
                    belt.width * between(rng, 0.6, 1.0),
                    between(rng, 0.0, 1.0),
                ],
                [
                    belt.width * between(rng, 0.04, 0.12),
                    belt.width * between(rng, 1.3, 2.2),
                    between(rng, 0.0, 1.0),
                ],
            ],
            flat_floor: between(rng, 0.2, 1.0),
            drape: between(rng, 0.3, 0.75),
            lag: sign(rng) * between(rng, 2.6, 3.4),
        }
    }

    fn middle(&self, down: f64) -> f64 {
        let swing = |[amplitude, length, phase]: [f64; 3]| amplitude * wave(down / length + phase);
        self.offset + self.heading * down + swing(self.meanders[0]) + swing(self.meanders[1])
    }

    /// Depth of the incision `down` the valley and `across` it (traces); 0 beside the channel.
    fn depth_at(&self, down: f64, across: f64) -> f64 {
        let middle = self.middle(down);
        let bearing = 0.5 * (self.middle(down + 1.0) - self.middle(down - 1.0));
        let from_middle = (across - middle) / (1.0 + bearing * bearing).sqrt() / self.half_width;
        if from_middle.abs() >= 1.0 {
            return 0.0;
        }
        // The outer bank of a bend is the steeper one.
        let [amplitude, length, phase] = self.meanders[0];
        let curvature = wave(down / length + phase) * (amplitude / (0.15 * length)).min(1.0);
        let place = from_middle - 0.3 * curvature * (1.0 - from_middle * from_middle);
        let square = place * place;
        let (sharp, flat) = (1.0 - square * (0.6 + 0.4 * place.abs()), 1.0 - square * square);
        self.depth * (sharp + self.flat_floor * (flat - sharp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_deepest_between_its_banks_and_stays_in_its_host() {
        let belt = Belt { centre: [96.0, 64.0], along: [1.0, 0.0], width: 128.0, interval: [40.0, 150.0] };
        for seed in 0..10 {
            let channels = Channels::draw(&SyntheticSpec { seed, ..SyntheticSpec::default() }, belt);
            for channel in &channels.channels {
                let middle = channel.middle(30.0);
                let deepest = (-60..60)
                    .map(|step| channel.depth_at(30.0, middle + f64::from(step)))
                    .fold(0.0, f64::max);
                assert!(deepest > 0.95 * channel.depth);
                assert_eq!(channel.depth_at(30.0, middle + 2.5 * channel.half_width), 0.0);
                assert!(channel.top >= belt.interval[0] && channel.top + channel.depth <= belt.interval[1]);
            }
        }
    }
}
