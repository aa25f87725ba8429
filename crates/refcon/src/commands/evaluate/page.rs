//! The page of `refcon evaluate`.

use super::{Evaluate, Evaluated, Side};
use crate::commands::predict::{Pictures, folder_name};
use crate::commands::score::counted;
use crate::failure::Failure;
use rayon::prelude::*;
use refcon_encoders::{Embeddings, Encoder};
use refcon_evaluation::Metric as Score;
use refcon_evaluation::projection::{TSNE_TILES, principal_components, tsne};
use refcon_evaluation::report::{Curve, Findings, Plane, PlaneTile, Report};
use refcon_image::figure::encode_png;
use refcon_image::{DecodeLimits, Preprocessing, TileFile};
use refcon_library::challenge_confidence;
use refcon_library::report::{AskedTile, ReportMatch, ReportQuery};

/// Queries that the page shows as the worst, and of each the nearest matches and the nearest of other classes.
const WORST: usize = 12;
const NEAREST: usize = 3;
const NEAREST_WRONG: usize = 2;

/// Side of a thumbnail, in pixels.
const THUMBNAIL: u32 = 48;

/// Tiles of a projection, at most: a page of thumbnails should open in any browser.
const TILES_IN_PLANE: usize = TSNE_TILES;

impl Evaluate {
    /// Everything that was found, to be looked at.
    pub(super) fn report(
        &self,
        evaluated: &Evaluated,
        encoder: &dyn Encoder,
        curves: Vec<Curve>,
    ) -> Result<Report, Failure> {
        let fact = |name: &str, value: String| (name.to_owned(), value);
        let mut facts = vec![
            fact("queries", evaluated.query.classes.len().to_string()),
            fact("corpus tiles", evaluated.corpus.classes.len().to_string()),
            fact("encoder", format!("{} ({})", encoder.id().name(), &encoder.id().hash()[..8])),
            fact("computed in", encoder.tier().into()),
            fact("distance", self.metric.name().into()),
            fact("refcon", env!("CARGO_PKG_VERSION").into()),
        ];
        facts.extend(self.run.iter().map(|run| fact("training run", folder_name(run))));
        let mut notes = Vec::new();
        let skipped = evaluated.query.folder.skipped.len() + evaluated.corpus.folder.skipped.len();
        if skipped > 0 {
            notes.push(format!("{} could not be read and were skipped.", counted(skipped, "tile", "tiles")));
        }
        Ok(Report {
            title: format!("Evaluation: {} in {}", folder_name(&self.query), folder_name(&self.corpus)),
            facts,
            notes,
            curves,
            findings: Some(evaluated.findings()?),
            settings: None,
        })
    }
}

impl Evaluated {
    /// All of it with pictures, for a page.
    pub(in crate::commands) fn findings(&self) -> Result<Findings, Failure> {
        Ok(Findings {
            evaluation: self.scores.evaluation().clone(),
            confusion: self.confusion.clone(),
            assessment: self.assessment.clone(),
            calibration: self.calibration.clone(),
            worst: self.worst()?,
            planes: self.planes()?,
        })
    }

    /// The queries of the lowest average precision, those without any tile of their class first.
    fn worst(&self) -> Result<Vec<ReportQuery>, Failure> {
        let mut order: Vec<usize> = (0..self.outcomes.len()).collect();
        let precision = |query: &usize| Score::AveragePrecision.of(&self.outcomes[*query]).unwrap_or(0.0);
        order.sort_by(|a, b| precision(a).total_cmp(&precision(b)));
        let mut pictures = Pictures::default();
        let mut worst = Vec::new();
        for query in order.into_iter().take(WORST) {
            let ranking = &self.rankings[query];
            let distances = ranking.distances();
            let confidences = match &self.calibration {
                Some(calibration) => calibration.confidences_of_ranking(&distances),
                None => challenge_confidence(&distances),
            };
            let wrong = (NEAREST..distances.len()).filter(|&rank| !ranking.hits[rank]).take(NEAREST_WRONG);
            let matches = (0..distances.len().min(NEAREST)).chain(wrong).map(|rank| {
                let near = ranking.neighbours[rank];
                let class = Some(self.corpus.classes[near.row].clone());
                let mut tile = pictures.tile(&self.corpus.folder.tiles[near.row], class)?;
                tile.name = format!("#{} {}", rank + 1, tile.name);
                Ok(ReportMatch { tile, distance: near.distance, confidence: confidences[rank] })
            });
            let matches = matches.collect::<Result<_, Failure>>()?;
            let class = Some(self.query.classes[query].clone());
            let tile = pictures.tile(&self.query.folder.tiles[query], class)?;
            worst.push(ReportQuery { asked: vec![AskedTile { role: "query".into(), tile }], matches });
        }
        Ok(worst)
    }

    /// Queries and corpus on planes; of a corpus too large to be shown, tiles at equal steps.
    fn planes(&self) -> Result<Vec<Plane>, Failure> {
        let queries = self.query.classes.len().min(TILES_IN_PLANE / 2);
        let step = self.corpus.classes.len().div_ceil(TILES_IN_PLANE - queries).max(1);
        let shown: Vec<(&Side, usize)> = (0..queries)
            .map(|row| (&self.query, row))
            .chain((0..self.corpus.classes.len()).step_by(step).map(|row| (&self.corpus, row)))
            .collect();
        let all = &self.query.folder.embeddings;
        let values: Vec<f32> =
            shown.iter().flat_map(|(side, row)| side.folder.embeddings.row(*row)).copied().collect();
        let embeddings =
            Embeddings::new(all.encoder().clone(), all.dimension(), values).map_err(Failure::other)?;
        let thumbnails: Vec<Vec<u8>> = shown
            .par_iter()
            .map(|(side, row)| thumbnail(&side.folder.tiles[*row]))
            .collect::<Result<_, Failure>>()?;

        let plane = |title: &str, note: String, places: Vec<[f64; 2]>| {
            let tiles = shown.iter().zip(&thumbnails).zip(places).enumerate();
            let tiles = tiles.map(|(at, (((side, row), thumbnail), place))| PlaneTile {
                place,
                name: side.folder.tiles[*row].name.clone(),
                class: Some(side.classes[*row].clone()),
                is_query: at < queries,
                thumbnail: thumbnail.clone(),
            });
            Plane { title: title.into(), note, tiles: tiles.collect() }
        };
        let (places, [first, second]) = principal_components(&embeddings);
        let left_out = match self.query.classes.len() + self.corpus.classes.len() - shown.len() {
            0 => String::new(),
            more => format!(" {more} further tiles are not shown."),
        };
        let neighbours =
            format!("Neighbours stay neighbours; how far apart groups lie means little.{left_out}");
        let spread = format!(
            "Of the embeddings' spread, {:.0} % lie along the page and {:.0} % up.{left_out}",
            100.0 * first,
            100.0 * second
        );
        Ok(vec![
            plane("Embeddings by t-SNE", neighbours, tsne(&embeddings)),
            plane("Embeddings by principal components", spread, places),
        ])
    }
}

/// The picture of a tile in small.
fn thumbnail(tile: &TileFile) -> Result<Vec<u8>, Failure> {
    let image = refcon_image::read(&tile.path, &DecodeLimits::default()).map_err(Failure::input)?;
    let smaller = Preprocessing::new(1.0, THUMBNAIL, THUMBNAIL).map_err(Failure::other)?;
    Ok(encode_png(&smaller.apply(&image)))
}
