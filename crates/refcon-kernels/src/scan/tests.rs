//! Every tier's products beside those of plain loops.

use super::*;
use proptest::prelude::*;

/// The machine's tiers, and AMX with its instructions emulated.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn tiers() -> Vec<ScanTier> {
    use super::tier::Instructions;
    let mut tiers = ScanTier::here();
    let [amx, vnni] = [Instructions::AmxInt8, Instructions::Avx512Vnni].map(ScanTier);
    if tiers.contains(&vnni) && !tiers.contains(&amx) {
        crate::engine::trap::install();
        tiers.push(amx);
    }
    tiers
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn tiers() -> Vec<ScanTier> {
    ScanTier::here()
}

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn vector(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| self.next()).collect()
    }
}

/// Σ (row code − 128) · query code, of codes that stand for these values.
fn product(row: &[u8], query: &[f32], code: &QueryCode) -> f64 {
    let pairs = row.iter().zip(query);
    pairs.map(|(&row, &value)| (f64::from(row) - 128.0) * (f64::from(value) / code.scale).round()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_tiers_products_are_the_whole_numbers_that_they_should_be(
        dimension in prop_oneof![1usize..10, 60usize..70, Just(131), 190usize..200],
        queries in prop_oneof![1usize..7, 14usize..19, 40usize..52],
        rows in 1usize..80,
        every in 1usize..4,
        fine in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut numbers = Numbers(seed);
        let stride = code_stride(dimension);
        let mut codes = vec![0; rows * stride];
        for codes in codes.chunks_exact_mut(stride) {
            quantise(&numbers.vector(dimension), codes);
        }
        let queries: Vec<Vec<f32>> = (0..queries).map(|_| numbers.vector(dimension)).collect();
        let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
        let fineness = if fine { Fineness::Fine } else { Fineness::Coarse };
        let which: Vec<u32> = (0..rows as u32).step_by(every).collect();
        for tier in tiers() {
            let coded = QueryCodes::new(tier, fineness, dimension, &queries);
            let mut seen = 0;
            for group in coded.groups() {
                prop_assert_eq!(group.queries.start, seen);
                seen = group.queries.end;
                let mut values = vec![None; which.len() * group.width];
                for_each_product(&coded, &group, &codes, &which, |row, query, product| {
                    values[row * group.width + query] = Some(product);
                });
                for (&row, values) in which.iter().zip(values.chunks_exact(group.width)) {
                    let row = &codes[row as usize * stride..][..stride];
                    for (query, &value) in group.queries.clone().zip(values) {
                        let expected = product(row, queries[query], &coded.known()[query]);
                        let rounding = 1e-6 * expected.abs() + 40.0 * f64::from(fine);
                        let value = f64::from(value.expect("a value"));
                        prop_assert!((value - expected).abs() <= rounding, "{tier}: {value} {expected}");
                    }
                    prop_assert!(values[group.queries.len()..].iter().all(|&value| value == Some(0.0)));
                }
            }
            prop_assert_eq!(seen, queries.len());
        }
    }

    #[test]
    fn a_querys_error_is_never_less_than_what_rounding_cost(
        query in prop::collection::vec(prop_oneof![-1f32..1.0, -1e-6f32..1e-6, Just(0.0), -1e9f32..1e9], 1..100),
    ) {
        for fineness in [Fineness::Coarse, Fineness::Fine] {
            let coded = QueryCodes::new(ScanTier::PORTABLE, fineness, query.len(), &[&query]);
            let QueryCode { scale, error, norm } = coded.known()[0];
            // A row of ones and zeros reads the codes back.
            let stride = code_stride(query.len());
            let mut squares = 0.0;
            for (at, &value) in query.iter().enumerate() {
                let mut row = vec![ZERO_CODE; stride];
                row[at] = ZERO_CODE + 1;
                for_each_product(&coded, &coded.groups()[0], &row, &[0], |_, _, code| {
                    squares += (f64::from(value) - scale * f64::from(code)).powi(2);
                });
            }
            prop_assert!(error >= squares.sqrt());
            prop_assert!(norm >= query.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt());
        }
    }

    #[test]
    fn what_is_sifted_out_is_below_the_threshold(
        rows in prop::collection::vec(prop::array::uniform4(prop_oneof![0f32..2.0, Just(f32::INFINITY)]), 1..64),
        terms in prop::collection::vec(prop::array::uniform4(-1f32..3.0), 64),
        queries in prop_oneof![1usize..5, 9usize..40],
        seed in any::<u64>(),
    ) {
        let mut numbers = Numbers(seed);
        let dimension = 5;
        let stride = code_stride(dimension);
        let mut codes = vec![0; rows.len() * stride];
        codes.chunks_exact_mut(stride).for_each(|codes| {
            quantise(&numbers.vector(dimension), codes);
        });
        let queries: Vec<Vec<f32>> = (0..queries).map(|_| numbers.vector(dimension)).collect();
        let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
        let column = |of: &[[f32; 4]], at: usize| of.iter().map(|terms| terms[at]).collect::<Vec<_>>();
        let [scales, errors, norms, offsets] = std::array::from_fn(|at| column(&rows, at));
        let row_terms = RowTerms { scales: &scales, errors: &errors, norms: &norms, offsets: &offsets };
        let which: Vec<u32> = (0..rows.len() as u32).collect();
        for tier in tiers() {
            let coded = QueryCodes::new(tier, Fineness::Coarse, dimension, &queries);
            for group in coded.groups() {
                let [error, norm, offset, threshold] =
                    std::array::from_fn(|at| column(&terms[..group.width], at).iter().map(|term| term * 1e4).collect::<Vec<_>>());
                let query_terms = QueryTerms { error: &error, norm: &norm, offset: &offset, threshold: &threshold };
                let mut found = vec![None; rows.len() * group.width];
                coded.sift(&group, &codes, &which, (&row_terms, &query_terms), |sifted| {
                    found[sifted.row * group.width + sifted.value] = Some(sifted.upper);
                });
                for_each_product(&coded, &group, &codes, &which, |row, query, product| {
                    let parts = [product * scales[row], error[query] * errors[row], norm[query] * norms[row], -offset[query] * offsets[row]];
                    let upper: f32 = parts.iter().sum();
                    let rounding = 1e-6 * parts.iter().map(|part| part.abs()).sum::<f32>();
                    match found[row * group.width + query] {
                        Some(said) => {
                            assert!(said.is_nan() == upper.is_nan() && (said - upper).abs() <= rounding || !rounding.is_finite());
                            let least = upper + rounding;
 assert!(least >= threshold[query] || least.is_nan(), "{tier}");
                        }
                        None => assert!(upper - rounding < threshold[query], "{tier}"),
                    }
                });
            }
        }
    }
}

/// Calls `with` for each row and value with its product.
fn for_each_product(
    coded: &QueryCodes,
    group: &QueryGroup,
    codes: &[u8],
    rows: &[u32],
    mut with: impl FnMut(usize, usize, f32),
) {
    let width = group.width;
    let (zeros, all) = (vec![0.0; width], vec![f32::NEG_INFINITY; width]);
    let query_terms = QueryTerms { error: &zeros, norm: &zeros, offset: &zeros, threshold: &all };
    for (first, rows) in rows.chunks(group.rows).enumerate() {
        let (ones, zeros) = (vec![1.0; rows.len()], vec![0.0; rows.len()]);
        let row_terms = RowTerms { scales: &ones, errors: &zeros, norms: &zeros, offsets: &zeros };
        coded.sift(group, codes, rows, (&row_terms, &query_terms), |sifted| {
            with(first * group.rows + sifted.row, sifted.value, sifted.upper);
        });
    }
}

/// Runs itself again with the variable set, since a process's environment is shared by all its tests.
#[test]
fn the_environment_chooses_the_scan_tier() {
    if let Ok(name) = std::env::var(SCAN_TIER_VARIABLE) {
        match ScanTier::fastest() {
            Ok(tier) => assert_eq!(tier.name(), name),
            Err(error) => assert!(name == "sse9" && error.to_string().contains("`sse9`"), "{error}"),
        }
        return;
    }
    assert_eq!(ScanTier::fastest().unwrap(), ScanTier::here()[0]);
    for name in ScanTier::here().into_iter().map(ScanTier::name).chain(["sse9"]) {
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .arg("scan::tests::the_environment_chooses_the_scan_tier")
            .env(SCAN_TIER_VARIABLE, name)
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && output.contains("1 passed"), "{name}:\n{output}");
    }
}
