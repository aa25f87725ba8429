//! Fitting a calibration on labelled tiles.

use super::{
    Calibration, FitRecord, Form, Isotonic, Logistic, PrecisionThreshold, area_under_roc, features, median,
    probability, sigmoid,
};
use crate::{LabelledEmbeddings, LabelledError, Ranking, rank_labelled};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use refcon_encoders::Embeddings;
use refcon_library::Metric;
use std::collections::HashMap;

/// Folds of the cross-validation.
const FOLDS: usize = 5;

/// Pairs of a fit, about, at most: queries are drawn so that there are not many more.
const PAIRS: usize = 1_000_000;

/// Same tiles, same calibration.
const SEED: u64 = 42;

/// Why no calibration could be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The tiles cannot be ranked.
    #[error(transparent)]
    Labelled(#[from] LabelledError),
    /// There is too little to learn from.
    #[error(
        "{queries} of {tiles} labelled tiles have a tile of their class, and one of another, outside their own group of \
         near-duplicates ({groups} groups); a calibration needs at least {FOLDS} such tiles in {FOLDS} groups"
    )]
    TooFew {
        /// Tiles that could be queries.
        queries: usize,
        /// All tiles.
        tiles: usize,
        /// Groups of those queries.
        groups: usize,
    },
    /// Near tiles are no more often of one class than far ones.
    #[error(
        "near tiles are no more often of one class than far tiles: the distances of {encoder} say nothing of these classes"
    )]
    Uninformative {
        /// The encoder's name.
        encoder: String,
    },
}

/// Fits a calibration on `tiles`: each is a query against all others that are not of its group (without groups, against all
/// but itself). Queries for which no tile of their class is left, or no other, teach nothing and are left out.
///
/// Pairs of whole rankings are used, not of the best matches only: P(same class | distance) is asked for matches of every rank.
/// Where there are many tiles, queries are drawn so that there are about a million pairs. The threshold is the smallest
/// [`Calibration::match_probability`] from which on nearest matches are right with a precision of `target_precision` or more, with
/// 97.5 % certainty; scores for it come from folds that did not see the query.
///
/// # Errors
/// When there is too little to learn from, or the distances say nothing of the classes.
pub fn fit_calibration(
    tiles: LabelledEmbeddings<'_>,
    metric: Metric,
    target_precision: f64,
) -> Result<Calibration, FitError> {
    let asked = Asked::of(tiles, metric)?;
    let scored: Vec<(Form, f64)> = Form::ALL
        .into_par_iter()
        .filter_map(|form| Some((form, asked.cross_validated_log_loss(form)?)))
        .collect();
    let encoder = tiles.embeddings.encoder();
    let uninformative = || FitError::Uninformative { encoder: encoder.to_string() };
    let &(chosen, _) = scored.iter().min_by(|a, b| a.1.total_cmp(&b.1)).ok_or_else(uninformative)?;

    let everything = asked.pairs(|_| true);
    let fitted = Fitted::of(&everything, chosen).ok_or_else(uninformative)?;
    let (scores, right) = asked.nearest_scores(chosen);
    let nearest = Logistic::fit(&scores, 1, &right);
    let probabilities: Vec<f64> = scores.iter().map(|score| sigmoid(nearest.score(&[*score]))).collect();
    let same_class = everything.same_class.iter().filter(|same| **same).count();
    let pairs = everything.same_class.len();
    Ok(Calibration {
        encoder: encoder.clone(),
        metric,
        backgrounds: asked.backgrounds(),
        score: fitted.score,
        curve: fitted.curve,
        bounds: fitted.bounds,
        fit: FitRecord {
            queries: asked.rankings.len(),
            queries_left_out: asked.left_out,
            pairs,
            same_class: same_class as f64 / pairs as f64,
            chosen,
            log_loss: scored,
            no_match_auroc: area_under_roc(&probabilities, &right),
        },
        nearest,
        threshold: PrecisionThreshold::find(&probabilities, &right, target_precision),
    })
}

/// Rankings of the queries that teach something, and the fold of each.
struct Asked {
    rankings: Vec<Ranking>,
    folds: Vec<usize>,
    left_out: usize,
}

impl Asked {
    fn of(tiles: LabelledEmbeddings<'_>, metric: Metric) -> Result<Self, FitError> {
        tiles.check()?;
        let count = tiles.embeddings.len();
        let alone: Vec<u64> = (0..count as u64).collect();
        let groups = tiles.groups.unwrap_or(&alone);
        let library = LabelledEmbeddings { groups: Some(groups), ..tiles };
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let mut rows: Vec<usize> = (0..count).collect();
        if count * count > PAIRS {
            rows.shuffle(&mut random);
            rows.truncate((PAIRS / count).max(FOLDS));
            rows.sort_unstable();
        }
        let queries = Queries::of(library, groups, &rows);
        let ranked = rank_labelled(queries.labelled(), library, metric)?;

        // Queries with some tile of their class, and some other.
        let teaches = |ranking: &Ranking| (1..ranking.hits.len()).contains(&ranking.relevant());
        let (rankings, groups): (Vec<Ranking>, Vec<u64>) =
            ranked.into_iter().zip(queries.groups).filter(|(ranking, _)| teaches(ranking)).unzip();
        let left_out = rows.len() - rankings.len();
        let mut order = groups.clone();
        order.sort_unstable();
        order.dedup();
        if order.len() < FOLDS {
            return Err(FitError::TooFew { queries: rankings.len(), tiles: count, groups: order.len() });
        }
        order.shuffle(&mut random);
        let fold_of: HashMap<u64, usize> =
            order.into_iter().enumerate().map(|(place, group)| (group, place % FOLDS)).collect();
        let folds = groups.iter().map(|group| fold_of[group]).collect();
        Ok(Self { rankings, folds, left_out })
    }

    /// The least and the greatest background.
    fn backgrounds(&self) -> [f32; 2] {
        let backgrounds = self.rankings.iter().map(|ranking| median(&ranking.distances()));
        backgrounds.fold([f32::INFINITY, 0.0], |[least, greatest], b| [least.min(b), greatest.max(b)])
    }

    /// Pairs of the queries of some folds.
    fn pairs(&self, of_fold: impl Fn(usize) -> bool) -> Pairs {
        let mut pairs = Pairs::default();
        for (ranking, _) in self.rankings.iter().zip(&self.folds).filter(|(_, fold)| of_fold(**fold)) {
            pairs.add(ranking);
        }
        pairs
    }

    /// `None` where a fold's fit is no calibration.
    fn cross_validated_log_loss(&self, form: Form) -> Option<f64> {
        let (mut loss, mut count) = (0.0, 0);
        for fold in 0..FOLDS {
            let fitted = Fitted::of(&self.pairs(|other| other != fold), form)?;
            let unseen = self.pairs(|own| own == fold);
            let losses = unseen.features.iter().zip(&unseen.same_class).map(|(features, same)| {
                let probability = fitted.probability(features);
                -if *same { probability.ln() } else { (1.0 - probability).ln() }
            });
            loss += losses.sum::<f64>();
            count += unseen.same_class.len();
        }
        Some(loss / count as f64)
    }

    /// The score of the nearest match of every query, and of the nearest that is left when its class is taken away, by fits that
    /// have not seen the query; and whether that match is right.
    fn nearest_scores(&self, form: Form) -> (Vec<f64>, Vec<bool>) {
        let (mut scores, mut right) = (Vec::new(), Vec::new());
        for fold in 0..FOLDS {
            let Some(fitted) = Fitted::of(&self.pairs(|other| other != fold), form) else { continue };
            for (ranking, _) in self.rankings.iter().zip(&self.folds).filter(|(_, own)| **own == fold) {
                for ranking in [ranking, &ranking.without_its_class()] {
                    let distances = ranking.distances();
                    let Some(nearest) = distances.first() else { continue };
                    scores.push(fitted.score.score(&features(*nearest, median(&distances))));
                    right.push(ranking.hits[0]);
                }
            }
        }
        (scores, right)
    }
}

/// Tiles that are queries.
struct Queries {
    embeddings: Embeddings,
    classes: Vec<String>,
    groups: Vec<u64>,
}

impl Queries {
    fn of(tiles: LabelledEmbeddings<'_>, groups: &[u64], rows: &[usize]) -> Self {
        let all = tiles.embeddings;
        let values = rows.iter().flat_map(|&row| all.row(row)).copied().collect();
        Self {
            embeddings: Embeddings::new(all.encoder().clone(), all.dimension(), values)
                .unwrap_or_else(|_| unreachable!("rows of embeddings are embeddings")),
            classes: rows.iter().map(|&row| tiles.classes[row].clone()).collect(),
            groups: rows.iter().map(|&row| groups[row]).collect(),
        }
    }

    fn labelled(&self) -> LabelledEmbeddings<'_> {
        LabelledEmbeddings {
            embeddings: &self.embeddings,
            classes: &self.classes,
            groups: Some(&self.groups),
        }
    }
}

/// Features of pairs of a query and a tile, and whether the two are of one class.
#[derive(Default)]
struct Pairs {
    features: Vec<[f64; 2]>,
    same_class: Vec<bool>,
}

impl Pairs {
    fn add(&mut self, ranking: &Ranking) {
        let distances = ranking.distances();
        let background = median(&distances);
        self.features.extend(distances.iter().map(|&distance| features(distance, background)));
        self.same_class.extend(&ranking.hits);
    }
}

/// A form with its numbers.
struct Fitted {
    score: Logistic,
    curve: Option<Isotonic>,
    bounds: [f64; 2],
}

impl Fitted {
    /// `None` where near pairs are not more often of one class than far ones.
    fn of(pairs: &Pairs, form: Form) -> Option<Self> {
        let width = if form.uses_background() { 2 } else { 1 };
        let used: Vec<f64> = pairs.features.iter().flat_map(|features| &features[..width]).copied().collect();
        let score = Logistic::fit(&used, width, &pairs.same_class);
        if score.weights.iter().sum::<f64>() <= 0.0 {
            return None;
        }
        let curve = form.is_isotonic().then(|| {
            let scores = used.chunks_exact(width).map(|features| score.score(features));
            Isotonic::fit(scores.zip(pairs.same_class.iter().copied()))
        });
        // Laplace's rule of succession for what was always, or never, so.
        let least = 1.0 / (pairs.same_class.len() as f64 + 2.0);
        Some(Self { score, curve, bounds: [least, 1.0 - least] })
    }

    fn probability(&self, features: &[f64; 2]) -> f64 {
        probability(&self.score, self.curve.as_ref(), self.bounds, features)
    }
}
