//! Answers beside those of a brute-force scan: the same rows, the same bits.

use super::*;
use proptest::prelude::*;
use refcon_encoders::scale_to_length_one;

/// Numbers from a seed, −1 to 1.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.next() + 1.0) / 2.0 * end as f32) as usize % end
    }
}

/// What is hard about some vectors.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Random,
    /// Whole numbers: products are exact, ties common.
    Whole,
    EqualNorms,
    Duplicates,
    Clustered,
    Denormal,
    Zeros,
    OneHugeComponent,
    HugeAndTiny,
    Overflowing,
    NearlyEqual,
}

const KINDS: [Kind; 11] = [
    Kind::Random,
    Kind::Whole,
    Kind::EqualNorms,
    Kind::Duplicates,
    Kind::Clustered,
    Kind::Denormal,
    Kind::Zeros,
    Kind::OneHugeComponent,
    Kind::HugeAndTiny,
    Kind::Overflowing,
    Kind::NearlyEqual,
];

fn vectors(kind: Kind, dimension: usize, count: usize, numbers: &mut Numbers) -> Vec<f32> {
    let base: Vec<f32> = (0..dimension).map(|_| numbers.next()).collect();
    let mut values = Vec::with_capacity(dimension * count);
    for row in 0..count {
        let mut vector: Vec<f32> = (0..dimension).map(|_| numbers.next()).collect();
        let mut change = |of: &mut dyn FnMut(f32) -> f32| vector.iter_mut().for_each(|v| *v = of(*v));
        match kind {
            Kind::Random => {}
            Kind::Whole => change(&mut |v| (v * 1.5).round()),
            Kind::EqualNorms => scale_to_length_one(&mut vector),
            Kind::Duplicates if row > 3 => {
                let other = numbers.below(4);
                vector.copy_from_slice(&values[other * dimension..][..dimension]);
            }
            Kind::Duplicates => {}
            Kind::Clustered => vector.iter_mut().zip(&base).for_each(|(v, base)| *v = base + 0.01 * *v),
            Kind::Denormal => change(&mut |v| v * 1e-40),
            Kind::Zeros => change(&mut |v| if row % 3 == 0 { v } else { v * 0.0 }),
            Kind::OneHugeComponent => vector[numbers.below(dimension)] = 1e6,
            Kind::HugeAndTiny => {
                let scale = [1e-30, 1e-9, 1e-4, 1.0, 1e4, 1e9, 1e12][numbers.below(7)];
                change(&mut |v| v * scale);
            }
            Kind::Overflowing => change(&mut |v| v * 3e38),
            Kind::NearlyEqual => {
                vector.iter_mut().zip(&base).for_each(|(v, base)| *v = base * (1.0 + 1e-7 * v.signum()));
            }
        }
        values.extend(vector);
    }
    values
}

/// The plain definition: every distance, a full sort.
fn brute_force(dimension: usize, values: &[f32], query: &[f32], request: &Request<'_>) -> Vec<(usize, u32)> {
    let mut query = query.to_vec();
    if request.metric == Metric::Cosine {
        scale_to_length_one(&mut query);
    }
    let mut all: Vec<(f32, usize)> = Vec::new();
    for (row, vector) in values.chunks_exact(dimension).enumerate() {
        let mut vector = vector.to_vec();
        let term = |a: f32, b: f32| if request.metric == Metric::L2 { (a - b) * (a - b) } else { a * b };
        if request.metric == Metric::Cosine {
            scale_to_length_one(&mut vector);
        }
        let mut sums = [0.0f32; 16];
        let whole = dimension / 16 * 16;
        for at in 0..whole {
            sums[at % 16] += term(query[at], vector[at]);
        }
        let mut rest = 0.0;
        for at in whole..dimension {
            rest += term(query[at], vector[at]);
        }
        let sum = sums.iter().fold(0.0, |sum, lane| sum + lane) + rest;
        let distance = match request.metric {
            Metric::Cosine => (1.0 - sum).max(0.0),
            Metric::L2 => sum.sqrt(),
            Metric::InnerProduct if sum.is_nan() => f32::INFINITY,
            Metric::InnerProduct => 0.0 - sum,
        };
        let allowed = request.rows.is_none_or(|set| set.contains(row));
        if allowed && request.within.is_none_or(|within| distance <= within) {
            all.push((distance, row));
        }
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(request.k.unwrap_or(usize::MAX));
    all.into_iter().map(|(distance, row)| (row, distance.to_bits())).collect()
}

/// A corpus in blocks of uneven sizes.
fn in_blocks(dimension: usize, values: &[f32], numbers: &mut Numbers) -> Vec<Codes> {
    let rows = values.len() / dimension;
    let mut ends = [numbers.below(rows + 1), numbers.below(rows + 1), rows];
    ends.sort_unstable();
    let mut start = 0;
    let blocks = ends.map(|end| {
        let block = quantise(dimension, &values[start * dimension..end * dimension]).unwrap();
        start = end;
        block
    });
    blocks.into()
}

fn bits(found: &[Neighbour]) -> Vec<(usize, u32)> {
    found.iter().map(|neighbour| (neighbour.row, neighbour.distance.to_bits())).collect()
}

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::L2, Metric::InnerProduct];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]
    #[test]
    fn exact_search_equals_brute_force_to_the_bit(
        kind in prop::sample::select(&KINDS),
        queries_kind in prop::sample::select(&KINDS),
        dimension in prop_oneof![Just(1usize), 2usize..8, Just(17), Just(61), Just(64), Just(131)],
        rows in prop_oneof![1usize..40, 200usize..900],
        count in prop_oneof![1usize..4, 4usize..10, 30usize..55],
        k in prop_oneof![Just(Some(1)), Just(Some(10)), Just(Some(60)), Just(None)],
        same in any::<bool>(),
        filtered in any::<bool>(),
        bounded in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut numbers = Numbers(seed);
        let values = vectors(kind, dimension, rows, &mut numbers);
        let mut queries = vectors(queries_kind, dimension, count, &mut numbers);
        if same {
            // Queries that are rows of the corpus, or nearly: where bounds are tightest against each other.
            for query in queries.chunks_exact_mut(dimension) {
                query.copy_from_slice(&values[numbers.below(rows) * dimension..][..dimension]);
            }
        }
        let blocks = in_blocks(dimension, &values, &mut numbers);
        let vectors = Rows::new(dimension, &values);
        let corpus = Corpus::new(dimension, blocks.iter().map(Codes::block).collect(), &vectors).unwrap();
        let mut set = RowSet::none(rows);
        (0..rows).filter(|row| row % 3 != 1).for_each(|row| set.insert(row));
        for metric in METRICS {
            let mut request = Request { k, rows: filtered.then_some(&set), ..Request::best(1, metric) };
            if bounded {
                // A distance that is one of those there are.
                let all = brute_force(dimension, &values, &queries[..dimension], &request);
                request.within = all.get(all.len() / 2).map(|&(_, bits)| f32::from_bits(bits));
            }
            for tier in ScanTier::here() {
                let found = nearest(&corpus, &queries, &Request { tier: Some(tier), ..request }).unwrap();
                prop_assert_eq!(found.len(), count);
                for (query, found) in queries.chunks_exact(dimension).zip(&found) {
                    let expected = brute_force(dimension, &values, query, &request);
                    prop_assert_eq!(bits(found), expected, "{:?} on {}", metric, tier);
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mut numbers = Numbers(5);
    let (dimension, rows) = (48, 20_000);
    let values = vectors(Kind::Clustered, dimension, rows, &mut numbers);
    let queries = vectors(Kind::Clustered, dimension, 20, &mut numbers);
    let codes = quantise(dimension, &values).unwrap();
    let vectors = Rows::new(dimension, &values);
    let corpus = Corpus::new(dimension, vec![codes.block()], &vectors).unwrap();
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| nearest(&corpus, &queries, &Request::best(10, Metric::L2)).unwrap());
        found.iter().map(|found| bits(found)).collect::<Vec<_>>()
    };
    let alone = with_threads(1);
    assert_eq!(with_threads(5), alone);
    assert_eq!(
        alone[3],
        brute_force(dimension, &values, &queries[3 * 48..4 * 48], &Request::best(10, Metric::L2))
    );
}

#[test]
fn many_rows_of_one_distance_are_more_than_may_wait() {
    let dimension = 3;
    let values = [0.25, -0.5, 1.0].repeat(30_000);
    let codes = quantise(dimension, &values).unwrap();
    let vectors = Rows::new(dimension, &values);
    let corpus = Corpus::new(dimension, vec![codes.block()], &vectors).unwrap();
    for metric in METRICS {
        let found = nearest(&corpus, &[1.0, 2.0, 3.0], &Request::best(5, metric)).unwrap();
        assert_eq!(found[0].iter().map(|n| n.row).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn most_vectors_are_never_read() {
    struct Counted<'a>(Rows<'a>, std::sync::atomic::AtomicUsize);
    impl Vectors for Counted<'_> {
        fn read(&self, rows: &[usize], into: &mut [f32]) -> io::Result<()> {
            self.1.fetch_add(rows.len(), std::sync::atomic::Ordering::Relaxed);
            self.0.read(rows, into)
        }
    }
    let mut numbers = Numbers(9);
    let (dimension, rows) = (128, 20_000);
    let values = vectors(Kind::Random, dimension, rows, &mut numbers);
    let codes = quantise(dimension, &values).unwrap();
    let counted = Counted(Rows::new(dimension, &values), 0.into());
    let corpus = Corpus::new(dimension, vec![codes.block()], &counted).unwrap();
    let query = vectors(Kind::Random, dimension, 1, &mut numbers);
    for metric in METRICS {
        counted.1.store(0, std::sync::atomic::Ordering::Relaxed);
        nearest(&corpus, &query, &Request::best(10, metric)).unwrap();
        let read = counted.1.load(std::sync::atomic::Ordering::Relaxed);
        assert!((10..200).contains(&read), "{metric:?}: {read}");
    }
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let values = [1.0, 2.0];
    let codes = quantise(2, &values).unwrap();
    let vectors = Rows::new(2, &values);
    let corpus = Corpus::new(2, vec![codes.block()], &vectors).unwrap();
    let request = Request::best(1, Metric::L2);
    let says = |error: ExactError, text: &str| assert!(error.to_string().contains(text), "{error}");
    says(quantise(2, &[0.0, f32::NAN]).unwrap_err(), "vector 0 holds NaN at position 1");
    says(nearest(&corpus, &[0.0, f32::INFINITY], &request).unwrap_err(), "holds inf");
    says(nearest(&corpus, &[0.0], &request).unwrap_err(), "do not divide");
    let set = RowSet::all(3);
    says(nearest(&corpus, &values, &Request { rows: Some(&set), ..request }).unwrap_err(), "a set of 3 rows");
    says(CodedBlock::new(2, &codes.codes, &[1.0], &[], &[1.0]).unwrap_err(), "expected 64 bytes a row");
    says(CodedBlock::new(2, &codes.codes, &[1.0], &[-1.0], &[1.0]).unwrap_err(), "damaged");
    says(nearest(&corpus, &values, &Request { within: Some(f32::NAN), ..request }).unwrap_err(), "NaN");
}

#[test]
fn vectors_that_cannot_be_read_end_the_search() {
    struct Broken;
    impl Vectors for Broken {
        fn read(&self, _: &[usize], _: &mut [f32]) -> io::Result<()> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let codes = quantise(2, &[1.0, 2.0].repeat(50)).unwrap();
    let corpus = Corpus::new(2, vec![codes.block()], &Broken).unwrap();
    let error = nearest(&corpus, &[1.0, 1.0], &Request::best(3, Metric::Cosine)).unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
}

#[test]
fn nothing_is_found_where_nothing_is_or_is_wanted() {
    let codes = quantise(2, &[1.0, 2.0]).unwrap();
    let vectors = Rows::new(2, &[1.0, 2.0]);
    let corpus = Corpus::new(2, vec![codes.block()], &vectors).unwrap();
    let empty = Corpus::new(2, Vec::new(), &vectors).unwrap();
    let (set, query) = (RowSet::none(1), [1.0, 1.0, 2.0, 2.0]);
    for metric in METRICS {
        let request = Request::best(1, metric);
        let nothing = vec![Vec::new(), Vec::new()];
        assert_eq!(nearest(&corpus, &query, &Request { k: Some(0), ..request }).unwrap(), nothing);
        assert_eq!(nearest(&corpus, &query, &Request { rows: Some(&set), ..request }).unwrap(), nothing);
        assert_eq!(nearest(&empty, &query, &request).unwrap(), nothing);
        assert_eq!(nearest(&corpus, &[], &request).unwrap(), Vec::<Vec<Neighbour>>::new());
    }
}
