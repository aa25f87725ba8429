//! From PNG files to an encoder's input, beside torchvision as the challenge solution uses it.

use crate::outcome::Report;
use crate::sides::Sides;
use crate::survey_files::{self, Shape};
use crate::{Failure, Settings};
use rayon::prelude::*;
use refcon_image::{DecodeLimits, GreyImage, Preprocessing};
use refcon_seismic::export::{ExportSettings, ExportSource, TileExport, TileLayout};
use refcon_seismic::tiling::{GridRule, Normalisation, TileRule, TileSelection, TileSize};
use refcon_seismic::{Direction, Survey, SurveyOptions};
use std::path::{Path, PathBuf};

/// The survey that tiles are cut from.
const SHAPE: Shape = Shape { inlines: 160, crosslines: 200, samples: 1001 };
/// Every how many inlines.
const EVERY: usize = 20;
/// The challenge's most frequent size of tile.
const SIZE: TileSize = TileSize { height: 143, width: 118 };
/// The challenge's preprocessing for training: contrast, shorter side, crop.
const RECIPE: (f32, u32, u32) = (15.0, 256, 224);

/// Runs the comparison.
///
/// # Errors
/// Tiles cannot be made or read, or both sides make different inputs of them.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir_in(&settings.data)?;
    let files = tiles(&settings.data, folder.path())?;
    let threads = settings.threads.to_string();
    let peer = settings.peer("preprocess", &[folder.path().as_os_str(), threads.as_ref()], report);
    let mut sides = Sides { settings, report, peer, peer_name: "torchvision" };
    let (contrast, side, crop) = RECIPE;
    let preprocessing = Preprocessing::new(contrast, side, crop)?;
    let limits = DecodeLimits::default();
    let read = |file: &PathBuf| refcon_image::read(file, &limits);
    let images = files.iter().map(read).collect::<Result<Vec<GreyImage>, _>>()?;
    let amount = (images.len() as f64, "tiles/s");
    let decoded =
        || Ok(check(images.par_iter().map(|image| mean(&preprocessing.apply(image))).sum(), images.len()));
    sides.compare_rates(
        "contrast, resize and crop",
        "preprocess",
        amount,
        &mut || crate::measure::time(decoded),
        || None,
    )?;
    let from_files = || {
        let means = files.par_iter().map(|file| read(file).map(|image| mean(&preprocessing.apply(&image))));
        Ok(check(means.try_reduce(|| 0.0, |a, b| Ok(a + b))?, files.len()))
    };
    sides.compare_rates(
        "the same from PNG files",
        "files",
        amount,
        &mut || crate::measure::time(from_files),
        || None,
    )
}

/// Tiles of a synthetic survey as PNG files.
fn tiles(data: &Path, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let survey = Survey::open(&survey_files::numpy(data, SHAPE)?, &SurveyOptions::default())?;
    let sources = [ExportSource { survey: &survey, labels: None, normalisation: Normalisation::MinMax }];
    let export = ExportSettings {
        selection: TileSelection {
            directions: vec![Direction::Inline],
            every: EVERY,
            ..TileSelection::default()
        },
        rule: TileRule::Grid(GridRule { size: SIZE, down: SIZE.height, across: SIZE.width }),
        layout: TileLayout::Images,
        least_label_share: 0.0,
    };
    let tiles = folder.join("tiles");
    TileExport::open(&tiles, &export, &sources)?.run(&mut |_| {})?;
    Ok(refcon_image::list(&tiles)?.into_iter().map(|file| file.path).collect())
}

/// Row by row, so that looking at the result takes no time worth mentioning.
fn mean(input: &GreyImage) -> f64 {
    let mut sums = vec![0.0_f32; input.width()];
    for row in input.pixels().chunks_exact(input.width()) {
        sums.iter_mut().zip(row).for_each(|(sum, pixel)| *sum += pixel);
    }
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() / input.pixels().len() as f64
}

/// The mean over all tiles in hundredths: both sides round differently in the last bits.
fn check(sum: f64, tiles: usize) -> f64 {
    (sum / tiles.max(1) as f64 * 100.0).round()
}
