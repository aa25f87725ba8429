//! What re-ranking and feedback do to a ranking: mean average precision before and after, with the texture descriptor.
//!
//! `cargo run --release -p refcon-evaluation --example second_look -- QUERIES CORPUS GOLD.csv [QUERIES CORPUS GOLD.csv …]`
//!
//! Re-ranking is judged over complete rankings. For feedback an interpreter answers the ten best of each round truthfully, by the gold;
//! what is judged is the ranking of the tiles not yet answered, in the queries that were answered both ways.

use refcon_encoders::{Embeddings, Encoder, Texture};
use refcon_evaluation::{Gold, Metric, evaluate, judge};
use refcon_image::{DecodeLimits, TileFile};
use refcon_library::retrieval::feedback::Answers;
use refcon_library::retrieval::filter::Filter;
use refcon_library::retrieval::rerank::KReciprocal;
use refcon_library::retrieval::selection::{Excluded, Selection};
use refcon_library::retrieval::{Search, SecondLook, search};
use refcon_library::{EncodedTiles, Library, Submission, SubmittedMatch, TileRecord, Wait};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

const ANSWERS_A_ROUND: usize = 10;
const ROUNDS: usize = 4;

/// Queries, and a library of the corpus in a folder of its own.
struct Task {
    queries: Vec<(String, Vec<f32>)>,
    corpus: EncodedTiles,
    gold: Gold,
    _folder: tempfile::TempDir,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let tasks = arguments.chunks(3).map(|paths| match paths {
        [queries, corpus, gold] => Task::read(queries, corpus, gold),
        _ => Err("expected QUERIES CORPUS GOLD.csv, once or several times".into()),
    });
    let tasks = tasks.collect::<Result<Vec<Task>, _>>()?;
    reranking(&tasks)?;
    feedback(&tasks)
}

impl Task {
    fn read(queries: &str, corpus: &str, gold: &str) -> Result<Self, Box<dyn Error>> {
        let encoder = Texture::new();
        let (files, values) = embedded(queries, &encoder)?;
        let rows = values.chunks_exact(encoder.dimension()).map(<[f32]>::to_vec);
        let queries = files.into_iter().map(|file| file.name).zip(rows).collect();
        let (files, values) = embedded(corpus, &encoder)?;
        let tiles =
            files.iter().map(|file| TileRecord::of_image("corpus", &file.name, 1, 1).into()).collect();
        let folder = tempfile::tempdir()?;
        let library = Library::create(folder.path())?;
        let embeddings = Embeddings::new(encoder.id().clone(), encoder.dimension(), values)?;
        library.writer(Wait::No)?.append(tiles, &embeddings)?;
        let corpus = library.snapshot()?.tiles(encoder.id())?;
        Ok(Self { queries, corpus, gold: Gold::read(Path::new(gold))?, _folder: folder })
    }

    /// The names of the corpus's tiles as they are ranked.
    fn ranking(
        &self,
        answers: Answers,
        second_look: SecondLook,
        excluded: &[u64],
    ) -> Result<Vec<TileRecord>, Box<dyn Error>> {
        let excluded = Excluded { tiles: excluded.iter().copied().collect(), ..Excluded::default() };
        let selection = Selection { excluded, ..Selection::nearest(self.corpus.rows()) };
        let found =
            search(&self.corpus, &Search { answers, filter: Filter::default(), selection, second_look })?;
        Ok(found.selected.matches.into_iter().map(|found| found.tile).collect())
    }
}

fn embedded(folder: &str, encoder: &Texture) -> Result<(Vec<TileFile>, Vec<f32>), Box<dyn Error>> {
    let files = refcon_image::list(Path::new(folder))?;
    let limits = DecodeLimits::default();
    let images =
        files.iter().map(|file| refcon_image::read(&file.path, &limits)).collect::<Result<Vec<_>, _>>()?;
    let values = encoder.embed(&images)?;
    Ok((files, values))
}

fn reranking(tasks: &[Task]) -> Result<(), Box<dyn Error>> {
    println!("{:<44}{:>8}{:>8}{:>8}", "re-ranking", "mAP", "MAP@R", "P@10");
    let k_reciprocal = |neighbours, averaged, original| SecondLook::KReciprocal {
        pool: 100,
        settings: KReciprocal { neighbours, averaged, original },
    };
    let expansion = |matches, alpha| SecondLook::QueryExpansion { matches, alpha };
    for (name, look) in [
        ("none", SecondLook::None),
        ("k-reciprocal, 100 tiles, k1 20, k2 6, λ 0.3", k_reciprocal(20, 6, 0.3)),
        ("k-reciprocal, 100 tiles, k1 10, k2 3, λ 0.3", k_reciprocal(10, 3, 0.3)),
        ("k-reciprocal, 100 tiles, k1 20, k2 6, λ 0.8", k_reciprocal(20, 6, 0.8)),
        ("query expansion, mean of 5", expansion(5, 0.0)),
        ("query expansion, 5 by cosine³", expansion(5, 3.0)),
        ("query expansion, 10 by cosine³", expansion(10, 3.0)),
    ] {
        let mut outcomes = Vec::new();
        for task in tasks {
            let mut submission = Submission::default();
            for (query, embedding) in &task.queries {
                let answers = Answers { query: Some(embedding.clone()), ..Answers::default() };
                let ranking = task.ranking(answers, look, &[])?;
                let matches =
                    ranking.into_iter().map(|tile| SubmittedMatch { label: tile.file, confidence: 0.0 });
                submission.queries.insert(query.clone(), matches.collect());
            }
            outcomes.extend(judge(&submission, &task.gold)?);
        }
        let evaluation = evaluate(&outcomes);
        let mean = |wanted: Metric| {
            let at = Metric::ALL.iter().position(|metric| *metric == wanted);
            at.and_then(|at| evaluation.overall[at]).map_or(f64::NAN, |estimate| estimate.mean)
        };
        let [map, map_at_r, precision] =
            [Metric::AveragePrecision, Metric::MapAtR, Metric::PrecisionAt(10)].map(mean);
        println!("{name:<44}{map:>8.3}{map_at_r:>8.3}{precision:>8.3}");
    }
    Ok(())
}

fn feedback(tasks: &[Task]) -> Result<(), Box<dyn Error>> {
    let mut precisions: BTreeMap<usize, Vec<[f64; 2]>> = BTreeMap::new();
    for task in tasks {
        for (query, embedding) in &task.queries {
            let class = task.gold.queries.get(query).ok_or("a query without a class")?;
            let is_hit = |tile: &TileRecord| task.gold.corpus.get(&tile.file) == Some(class);
            let alone = Answers { query: Some(embedding.clone()), ..Answers::default() };
            let (mut answers, mut answered) = (alone.clone(), Vec::new());
            for round in 1..=ROUNDS {
                for tile in
                    task.ranking(answers.clone(), SecondLook::None, &answered)?.iter().take(ANSWERS_A_ROUND)
                {
                    let row = task.corpus.row_of(tile.id).ok_or("a tile without a row")?;
                    let kind = if is_hit(tile) { &mut answers.liked } else { &mut answers.disliked };
                    kind.push(task.corpus.embedding(row));
                    answered.push(tile.id);
                }
                let precision = |answers: &Answers| -> Result<Option<f64>, Box<dyn Error>> {
                    let ranking = task.ranking(answers.clone(), SecondLook::None, &answered)?;
                    Ok(average_precision(&ranking.iter().map(is_hit).collect::<Vec<_>>()))
                };
                if answers.disliked.is_empty() {
                    continue;
                }
                if let (Some(before), Some(after)) = (precision(&alone)?, precision(&answers)?) {
                    precisions.entry(round * ANSWERS_A_ROUND).or_default().push([before, after]);
                }
            }
        }
    }
    println!("\n{:<12}{:>10}{:>14}{:>16}", "answers", "queries", "query alone", "with answers");
    for (answers, pairs) in precisions {
        let mean = |side: usize| pairs.iter().map(|pair| pair[side]).sum::<f64>() / pairs.len() as f64;
        println!("{answers:<12}{:>10}{:>14.3}{:>16.3}", pairs.len(), mean(0), mean(1));
    }
    Ok(())
}

/// `None` where there is nothing left to find.
fn average_precision(hits: &[bool]) -> Option<f64> {
    let mut found = 0;
    let mut sum = 0.0;
    for (index, _) in hits.iter().enumerate().filter(|(_, hit)| **hit) {
        found += 1;
        sum += f64::from(found) / (index + 1) as f64;
    }
    (found > 0).then(|| sum / f64::from(found))
}
