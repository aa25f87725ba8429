//! Cutting a volume into tiles for pretraining, as PNG files, beside the recipe in Python: NumPy, `cv2` and Pillow.

use crate::measure::time;
use crate::outcome::Report;
use crate::sides::Sides;
use crate::survey_files::{self, Shape};
use crate::{Failure, Settings};
use refcon_seismic::export::{ExportSettings, ExportSource, TileExport, TileLayout};
use refcon_seismic::tiling::{
    Normalisation, PretrainingRule, SizeHistogram, TileRule, TileSelection, TileSize,
};
use refcon_seismic::{Survey, SurveyOptions};

/// The survey that is cut.
const SHAPE: Shape = Shape { inlines: 160, crosslines: 200, samples: 1001 };
/// Heights, widths and counts of tiles, about as those of the challenge's training tiles: most of one size.
const SIZES: [[usize; 3]; 5] = [[143, 118, 60], [126, 100, 15], [160, 140, 10], [110, 118, 10], [143, 90, 5]];
/// Seed of what is drawn.
const SEED: u64 = 42;

/// Runs the comparison.
///
/// # Errors
/// The survey cannot be made, tiles cannot be written, or both sides write different numbers of them.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let path = survey_files::numpy(&settings.data, SHAPE)?;
    survey_files::bring_into_cache(&path)?;
    let folder = tempfile::tempdir_in(&settings.data)?;
    let sizes = serde_json::to_string(&SIZES)?;
    let threads = settings.threads.to_string();
    let arguments = [path.as_os_str(), sizes.as_ref(), folder.path().as_os_str(), threads.as_ref()];
    let peer = settings.peer("tiles", &arguments, report);
    let peer_name = "NumPy, OpenCV, Pillow";
    let sizes = SIZES.map(|[height, width, count]| (TileSize { height, width }, count as u64));
    let export = ExportSettings {
        selection: TileSelection::default(),
        rule: TileRule::Pretraining(PretrainingRule::of_challenge(SizeHistogram::of_counts(sizes)?, SEED)),
        layout: TileLayout::Images,
        least_label_share: 0.0,
    };
    let mut run = 0;
    let mut write_tiles = || {
        run += 1;
        let into = folder.path().join(format!("refcon-{run}"));
        time(|| {
            let survey = Survey::open(&path, &SurveyOptions::default())?;
            let sources =
                [ExportSource { survey: &survey, labels: None, normalisation: Normalisation::MinMax }];
            Ok(TileExport::open(&into, &export, &sources)?.run(&mut |_| {})?.tiles as f64)
        })
    };
    let tiles = write_tiles()?.check;
    let mut sides = Sides { settings, report, peer, peer_name };
    sides.compare_rates(
        "tiles to PNG, pretraining rule",
        "tiles",
        (tiles, "tiles/s"),
        &mut write_tiles,
        || None,
    )
}
