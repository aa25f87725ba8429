//! What makes a tile a good example of a class, in terms of the labels inside it.

use super::classes::SeismicClass;
use crate::TileBox;

/// Running label counts over a section, for the share of any class in any rectangle.
pub(super) struct LabelCounts {
    traces: usize,
    /// `[samples + 1, traces + 1]` counts of each class above and to the left.
    counts: Vec<[u32; 8]>,
}

impl LabelCounts {
    /// Counts of a section's labels, `[samples, traces]`.
    pub(super) fn of(labels: &[u8], traces: usize) -> Self {
        let row_length = traces + 1;
        let mut counts = vec![[0; 8]; row_length];
        for (sample, row) in labels.chunks_exact(traces).enumerate() {
            let mut in_row = [0; 8];
            counts.push(in_row);
            for (trace, &label) in row.iter().enumerate() {
                in_row[usize::from(label)] += 1;
                let above = counts[sample * row_length + trace + 1];
                counts.push([0, 1, 2, 3, 4, 5, 6, 7].map(|class| above[class] + in_row[class]));
            }
        }
        Self { traces, counts }
    }

    /// The share of each class in `tile`.
    fn shares(&self, tile: TileBox) -> Shares {
        let at = |sample: usize, trace: usize| self.counts[sample * (self.traces + 1) + trace];
        let (top, left) = (tile.first_sample, tile.first_trace);
        let (bottom, right) = (top + tile.samples, left + tile.traces);
        let corners = [at(bottom, right), at(top, left), at(top, right), at(bottom, left)];
        let area = (tile.samples * tile.traces) as f32;
        let share = |class: usize| {
            let [all, above_left, above, left] = corners.map(|counts| counts[class]);
            (all + above_left - above - left) as f32 / area
        };
        Shares([0, 1, 2, 3, 4, 5, 6, 7].map(share))
    }
}

#[derive(Clone, Copy)]
struct Shares([f32; 8]);

impl Shares {
    fn of(&self, class: SeismicClass) -> f32 {
        self.0[usize::from(class.label())]
    }
}

/// Most of a tile that a fault may take up without making it a tile of a fault.
const STRAY_FAULT: f32 = 0.03;
/// Most of a tile that salt or channels may take up without making it a tile of theirs.
const STRAY_BODY: f32 = 0.02;

/// How good an example of `class` the labels in `tile` make it, 0 to 1, or `None` where it is none.
pub(super) fn quality(class: SeismicClass, counts: &LabelCounts, tile: TileBox) -> Option<f32> {
    use SeismicClass::*;
    let whole = counts.shares(tile);
    let own = whole.of(class);
    let undisturbed = (class == Channel || whole.of(Channel) <= STRAY_BODY)
        && (class == Salt || whole.of(Salt) <= STRAY_BODY)
        && (class == Fault || whole.of(Fault) <= STRAY_FAULT);
    let part = |across: [usize; 2], down: [usize; 2]| counts.shares(part_of(tile, across, down)).of(class);
    let centre = || part([4, 8], [4, 8]);
    // −1 where all of the class lies in the first half, 1 where all lies in the second.
    let lopsided = |first: f32, second: f32| (second - first) / (first + second).max(f32::MIN_POSITIVE);
    let sideways = || lopsided(part([0, 6], [0, 12]), part([6, 12], [0, 12]));
    let downwards = || lopsided(part([0, 12], [0, 6]), part([0, 12], [6, 12]));
    match class {
        Boring => (undisturbed && own > 0.88).then_some(own),
        BrightPlanar | BrightChaotic | ConvergingAmplitudes => (undisturbed && own > 0.62).then_some(own),
        // Its bounding reflectors belong to the picture, other packages beside it do not.
        TransparentPlanar => {
            let bounded = own + whole.of(Boring);
            (undisturbed && own > 0.5 && bounded > 0.88).then_some(bounded.min(own + 0.25))
        }
        // A whole cross-section, from bank to bank, on plain background.
        Channel => {
            let banks = part([0, 1], [0, 12]).max(part([11, 12], [0, 12]));
            let background = own + whole.of(Boring);
            let imbalance = sideways().abs().max(0.7 * downwards().abs());
            let shown = undisturbed && own > 0.05 && centre() > 0.4 && banks < 0.2 && background > 0.6;
            (shown && imbalance < 0.5).then_some(1.0 - imbalance)
        }
        // The plane runs through the whole tile and its middle, through continuous reflectors to offset: the brighter
        // the better.
        Fault => {
            let through = [[0, 4], [4, 8], [8, 12]].iter().all(|&down| part([0, 12], down) > 0.012);
            let imbalance = sideways().abs();
            let seen = undisturbed && through && centre() > 0.06 && own < 0.12;
            let blind = whole.of(TransparentPlanar) + whole.of(BrightChaotic);
            let quality = 0.5 * (1.0 - imbalance) + 0.5 * whole.of(BrightPlanar).min(0.5);
            (seen && imbalance < 0.4 && blind < 0.25).then_some(quality)
        }
        // Half in, half out: a flank or the crest.
        Salt => {
            let one_sided = sideways().abs() > 0.5 || downwards() > 0.6;
            let edge = (centre() - 0.5).abs();
            let seen = undisturbed && one_sided && (0.2..0.7).contains(&own) && edge < 0.3;
            (seen && whole.of(TransparentPlanar) < 0.2).then_some(1.0 - edge)
        }
    }
}

/// Twelfths `across` and `down` of a tile.
fn part_of(tile: TileBox, across: [usize; 2], down: [usize; 2]) -> TileBox {
    let [left, right] = across.map(|twelfth| tile.traces * twelfth / 12);
    let [top, bottom] = down.map(|twelfth| tile.samples * twelfth / 12);
    TileBox {
        first_trace: tile.first_trace + left,
        traces: (right - left).max(1),
        first_sample: tile.first_sample + top,
        samples: (bottom - top).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: TileBox = TileBox { first_trace: 6, traces: 48, first_sample: 2, samples: 48 };

    /// The quality of `class` where `label` gives the label at a sample and a trace of a 60 × 60 section.
    fn quality_where(class: SeismicClass, label: impl Fn(usize, usize) -> SeismicClass) -> Option<f32> {
        let labels: Vec<u8> = (0..3600).map(|index| label(index / 60, index % 60).label()).collect();
        quality(class, &LabelCounts::of(&labels, 60), TILE)
    }

    #[test]
    fn shares_are_those_of_a_plain_count() {
        let labels: Vec<u8> = (0..3600_u32).map(|index| (index * index / 7 % 8) as u8).collect();
        let shares = LabelCounts::of(&labels, 60).shares(TILE);
        for class in SeismicClass::ALL {
            let inside = |&index: &usize| {
                (2..50).contains(&(index / 60))
                    && (6..54).contains(&(index % 60))
                    && labels[index] == class.label()
            };
            let count = (0..3600).filter(inside).count();
            assert_eq!(shares.of(class), count as f32 / (48.0 * 48.0));
        }
    }

    #[test]
    fn a_package_must_fill_its_tile_and_a_fault_must_cross_it_in_the_middle() {
        use SeismicClass::*;
        let filled_down_to = |depth| move |sample, _| if sample < depth { BrightPlanar } else { Boring };
        assert!(quality_where(BrightPlanar, filled_down_to(45)).is_some());
        assert!(quality_where(BrightPlanar, filled_down_to(25)).is_none());
        let fault_at =
            |place: usize| move |_, trace: usize| if trace.abs_diff(place) < 2 { Fault } else { Boring };
        assert!(quality_where(Fault, fault_at(30)).is_some());
        assert!(quality_where(Fault, fault_at(10)).is_none());
        assert!(quality_where(Boring, fault_at(30)).is_none());
    }

    #[test]
    fn salt_is_shown_at_its_edge() {
        use SeismicClass::*;
        let flank_at = |place: usize| move |_, trace: usize| if trace > place { Salt } else { Boring };
        assert!(quality_where(Salt, flank_at(30)).is_some());
        assert!(quality_where(Salt, flank_at(0)).is_none(), "only salt");
        assert!(quality_where(Salt, flank_at(50)).is_none(), "next to no salt");
    }
}
