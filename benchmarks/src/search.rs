//! Exact search by inner product, beside FAISS's flat index.

use crate::machine;
use crate::measure::time;
use crate::outcome::Report;
use crate::sides::Sides;
use crate::vector_files::{Spread, read_values, write_values};
use crate::{Failure, Settings};
use refcon_kernels::scan_peak;
use refcon_library::exact::{Codes, Corpus, Request, Rows, ScanTier, nearest, quantise};
use refcon_library::{Metric, Neighbour, RowSet};
use std::path::Path;

/// Components of a vector: those of a ViT-B.
const DIMENSION: usize = 768;
/// Neighbours wanted.
const K: usize = 10;
/// Queries searched for at once.
const BATCH: usize = 1000;
/// Queries searched for one after the other.
const SINGLES: usize = 10;
/// Of so many rows a filter lets one pass.
const FILTERED: usize = 200;
/// The smaller corpora's share of the largest.
const SHARES: [usize; 2] = [10, 1];
/// What is measured in each corpus.
const WORKS: [&str; 3] = [ONE, FILTER, MANY];
const ONE: &str = "one query";
const FILTER: &str = "one query, 0.5 % pass";
const MANY: &str = "1000 queries";
/// Neighbours whose scores differ by no more may be in any order: FAISS adds up in an order of its own.
const NEAR_TIE: f32 = 1e-5;

/// Runs the comparison.
///
/// # Errors
/// The vectors cannot be made or read, or both sides find different neighbours.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let tier = ScanTier::fastest()?;
    let limits = Limits { bandwidth: machine::read_bandwidth(), operations: scan_peak(tier) };
    report.note(&format!("memory: {:.1} GB/s read by {} threads", limits.bandwidth / 1e9, settings.threads));
    let operations =
        limits.operations.map_or("no limit known".into(), |peak| format!("{:.2} TOP/s", peak / 1e12));
    report.note(&format!("products of codes: {tier}, {operations} from registers alone"));
    for spread in [Spread::Random, Spread::Clustered] {
        compare_spread(settings, report, spread, &limits)?;
    }
    Ok(())
}

/// What no program can beat on this machine.
struct Limits {
    /// Bytes a second.
    bandwidth: f64,
    /// Operations on codes a second.
    operations: Option<f64>,
}

fn compare_spread(
    settings: &Settings,
    report: &mut Report,
    spread: Spread,
    limits: &Limits,
) -> Result<(), Failure> {
    let most = settings.vectors;
    let wanted = |rows: usize| WORKS.iter().any(|work| name(work, spread, rows).contains(&settings.only));
    let sizes: Vec<usize> =
        SHARES.map(|share| most / share).into_iter().filter(|&rows| wanted(rows)).collect();
    if sizes.is_empty() {
        return Ok(());
    }
    let path = spread.file(&settings.data, most, DIMENSION)?;
    let folder = tempfile::tempdir_in(&settings.data)?;
    let queries = spread.queries(BATCH, DIMENSION);
    write_values(&folder.path().join("queries.f32"), &queries)?;
    let sizes_text = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let numbers = [DIMENSION, K, SINGLES, FILTERED].map(|number| number.to_string()).join(",");
    let arguments = [path.as_os_str(), folder.path().as_os_str(), sizes_text.as_ref(), numbers.as_ref()];
    let peer = settings.peer("search", &arguments, report);
    let values = read_values(&path, most * DIMENSION)?;
    let mut sides = Sides { settings, report, peer, peer_name: "FAISS" };
    for rows in sizes {
        let values = &values[..rows * DIMENSION];
        let codes = quantise(DIMENSION, values)?;
        let vectors = Rows::new(DIMENSION, values);
        let corpus = Corpus::new(DIMENSION, vec![codes.block()], &vectors)?;
        let searched = Searched { corpus: &corpus, codes: &codes, queries: &queries, spread, limits };
        searched.compare(&mut sides, folder.path())?;
    }
    Ok(())
}

/// One corpus.
struct Searched<'a> {
    corpus: &'a Corpus<'a>,
    codes: &'a Codes,
    queries: &'a [f32],
    spread: Spread,
    limits: &'a Limits,
}

impl Searched<'_> {
    fn compare(&self, sides: &mut Sides<'_>, folder: &Path) -> Result<(), Failure> {
        let rows = self.corpus.rows();
        let of = |work: &str| name(work, self.spread, rows);
        let bytes = (self.codes.codes.len() + 12 * rows) as f64;
        let by_memory = || Some(SINGLES as f64 * bytes / self.limits.bandwidth);
        let request = Request::best(K, Metric::InnerProduct);
        let singles = (SINGLES as f64, "queries/s");
        let mut one_by_one = || time(|| self.one_by_one(&request));
        sides.compare_rates(&of(ONE), &format!("one-{rows}"), singles, &mut one_by_one, by_memory)?;
        let mut set = RowSet::none(rows);
        // Every one of so many, but not at even distances.
        (0..rows).filter(|row| passes(*row)).for_each(|row| set.insert(row));
        let filtered = Request { rows: Some(&set), ..request };
        let mut few = || time(|| self.one_by_one(&filtered));
        sides.compare_rates(&of(FILTER), &format!("filter-{rows}"), singles, &mut few, || None)?;
        let operations = 2.0 * (rows * DIMENSION * BATCH) as f64;
        let by_products = || self.limits.operations.map(|peak| operations / peak);
        let mut batch = || time(|| Ok(count(&nearest(self.corpus, self.queries, &request)?)));
        let amount = (BATCH as f64, "queries/s");
        sides.compare_rates(&of(MANY), &format!("batch-{rows}"), amount, &mut batch, by_products)?;
        // What was measured is also compared.
        for (work, request, key) in [(MANY, &request, "batch"), (FILTER, &filtered, "filter")] {
            if of(work).contains(&sides.settings.only) {
                self.check(sides, folder, request, key)?;
            }
        }
        Ok(())
    }

    fn one_by_one(&self, request: &Request<'_>) -> Result<f64, Failure> {
        let mut found = 0.0;
        for query in self.queries.chunks_exact(DIMENSION).take(SINGLES) {
            found += count(&nearest(self.corpus, query, request)?);
        }
        Ok(found)
    }

    /// Whether the peer has found the same.
    fn check(
        &self,
        sides: &mut Sides<'_>,
        folder: &Path,
        request: &Request<'_>,
        work: &str,
    ) -> Result<(), Failure> {
        let rows = self.corpus.rows();
        let Some(peer) = &mut sides.peer else { return Ok(()) };
        let key = format!("{work}-{rows}-answers");
        let way = peer.ways(&key)?.swap_remove(0);
        let answered = peer.run(&key, &way)?.check as usize;
        let queries = &self.queries[..answered * DIMENSION];
        let ours = nearest(self.corpus, queries, request)?;
        let scores = read_values(&folder.join(format!("{key}.scores")), answered * K)?;
        let ids = fs_err::read(folder.join(format!("{key}.ids")))?;
        let ids = ids.as_chunks().0.iter().map(|&id| i64::from_le_bytes(id));
        let mut same = 0;
        for ((neighbour, score), id) in ours.iter().flatten().zip(scores).zip(ids) {
            let Neighbour { row, distance } = *neighbour;
            let is_same = i64::try_from(row)? == id;
            same += usize::from(is_same);
            if (score + distance).abs() > NEAR_TIE {
                return Err(format!("{key}: row {row} at {} here, {id} at {score} there", -distance).into());
            }
        }
        let of = answered * K;
        sides.report.note(&format!(
            "  {work}, {} {rows}: {same} of {of} neighbours the same, {} in another order, at scores within {NEAR_TIE}",
            self.spread.name(),
            of - same
        ));
        Ok(())
    }
}

/// What a work in a corpus is called.
fn name(work: &str, spread: Spread, rows: usize) -> String {
    format!("{work}, {} {rows}", spread.name())
}

/// Whether a row passes the filter; the peer asks the same.
fn passes(row: usize) -> bool {
    (row as u64 * 2_654_435_761) % (1 << 32) < (1 << 32) / FILTERED as u64
}

fn count(found: &[Vec<Neighbour>]) -> f64 {
    found.iter().map(Vec::len).sum::<usize>() as f64
}
