use super::*;
use crate::twin::{awkward, tiers, values};
use proptest::prelude::*;

/// One attention layer's operands.
struct Case {
    scale: f32,
    queries: HeadLayout,
    keys: HeadLayout,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    output_gradient: Vec<f32>,
}

impl Case {
    fn new([batch, heads, queries, keys, width]: [usize; 5], by_token: bool, seed: u64) -> Case {
        let layout = |tokens| match by_token {
            true => HeadLayout::by_token(batch, tokens, heads, width),
            false => HeadLayout::by_head(batch, heads, tokens, width),
        };
        let count = |tokens| batch * heads * tokens * width;
        Case {
            scale: 1.0 / (width as f32).sqrt(),
            queries: layout(queries),
            keys: layout(keys),
            q: values(seed, count(queries)),
            k: values(seed ^ 1, count(keys)),
            v: values(seed ^ 2, count(keys)),
            output_gradient: values(seed ^ 3, count(queries)),
        }
    }

    fn forward(&self, tier: Tier) -> (Vec<f32>, Vec<f32>) {
        let mut output = vec![f32::NAN; self.q.len()];
        let mut log_sums = vec![f32::NAN; self.queries.batch * self.queries.heads * self.queries.tokens];
        attention(
            tier,
            self.scale,
            Heads::new(&self.q, self.queries),
            Heads::new(&self.k, self.keys),
            Heads::new(&self.v, self.keys),
            HeadsMut::new(&mut output, self.queries),
            &mut log_sums,
        );
        (output, log_sums)
    }

    fn backward(&self, tier: Tier) -> [Vec<f32>; 3] {
        let (output, log_sums) = self.forward(tier);
        let mut q = vec![f32::NAN; self.q.len()];
        let mut k = vec![f32::NAN; self.k.len()];
        let mut v = vec![f32::NAN; self.v.len()];
        attention_backward(
            tier,
            self.scale,
            [
                Heads::new(&self.q, self.queries),
                Heads::new(&self.k, self.keys),
                Heads::new(&self.v, self.keys),
            ],
            Heads::new(&output, self.queries),
            &log_sums,
            Heads::new(&self.output_gradient, self.queries),
            [
                HeadsMut::new(&mut q, self.queries),
                HeadsMut::new(&mut k, self.keys),
                HeadsMut::new(&mut v, self.keys),
            ],
        );
        [q, k, v]
    }
}

/// A value and what its error is measured by.
#[derive(Clone, Copy, Default)]
struct Sized {
    value: f64,
    size: f64,
}

impl Sized {
    fn add(&mut self, term: f64, size: f64) {
        self.value += term;
        self.size += size;
    }
}

/// The scalar twin: plain loops in f64. Positions in the results are those of the operands.
struct Twin {
    output: Vec<Sized>,
    log_sums: Vec<f64>,
    /// Of q, k and v.
    gradients: [Vec<Sized>; 3],
    /// The largest S.
    largest_score: f64,
}

fn twin(case: &Case) -> Twin {
    let HeadLayout { batch, heads, tokens: queries, width, .. } = case.queries;
    let keys = case.keys.tokens;
    let scale = f64::from(case.scale);
    let at = |layout: HeadLayout, batch, head, token: usize, c: usize| {
        batch * layout.strides[0] + head * layout.strides[1] + token * layout.strides[2] + c
    };
    let mut twin = Twin {
        output: vec![Sized::default(); case.q.len()],
        log_sums: Vec::new(),
        gradients: [&case.q, &case.k, &case.v].map(|of| vec![Sized::default(); of.len()]),
        largest_score: 0.0,
    };
    for (image, head) in (0..batch).flat_map(|image| (0..heads).map(move |head| (image, head))) {
        let query = |row, c| at(case.queries, image, head, row, c);
        let key = |row, c| at(case.keys, image, head, row, c);
        let (q, k) = (|i, c| f64::from(case.q[query(i, c)]), |j, c| f64::from(case.k[key(j, c)]));
        let v = |j, c| f64::from(case.v[key(j, c)]);
        let gradient = |i, c| f64::from(case.output_gradient[query(i, c)]);
        let largest = (0..keys).flat_map(|j| (0..width).map(move |c| v(j, c).abs())).fold(0.0, f64::max);
        for i in 0..queries {
            let scores: Vec<f64> =
                (0..keys).map(|j| scale * (0..width).map(|c| q(i, c) * k(j, c)).sum::<f64>()).collect();
            for j in 0..keys {
                let size = scale * (0..width).map(|c| (q(i, c) * k(j, c)).abs()).sum::<f64>();
                twin.largest_score = twin.largest_score.max(size);
            }
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|s| (s - top).exp()).sum();
            twin.log_sums.push(top + total.ln());
            let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp() / total).collect();
            for c in 0..width {
                let sum = (0..keys).map(|j| weights[j] * v(j, c)).sum();
                twin.output[query(i, c)] = Sized { value: sum, size: largest };
            }
            let output = |c| twin.output[query(i, c)].value;
            let mean: f64 = (0..width).map(|c| output(c) * gradient(i, c)).sum();
            let mean_size: f64 = (0..width).map(|c| largest * gradient(i, c).abs()).sum();
            for j in 0..keys {
                let weight_gradient: f64 = (0..width).map(|c| gradient(i, c) * v(j, c)).sum();
                let size: f64 = (0..width).map(|c| (gradient(i, c) * v(j, c)).abs()).sum();
                let score_gradient = scale * weights[j] * (weight_gradient - mean);
                let size = scale * weights[j] * (size + mean_size);
                for c in 0..width {
                    let [q_gradient, k_gradient, v_gradient] = &mut twin.gradients;
                    q_gradient[query(i, c)].add(score_gradient * k(j, c), size * k(j, c).abs());
                    k_gradient[key(j, c)].add(score_gradient * q(i, c), size * q(i, c).abs());
                    let term = weights[j] * gradient(i, c);
                    v_gradient[key(j, c)].add(term, term.abs());
                }
            }
        }
    }
    twin
}

fn assert_close(what: &str, found: &[f32], expected: &[Sized], error: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (at, (&found, Sized { value, size })) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - value).abs();
        prop_assert!(difference <= error * size, "{what} {at}: {found}, not {value} (size {size})");
    }
    Ok(())
}

fn assert_attention_is_close(case: &Case) -> Result<(), TestCaseError> {
    let exact = twin(case);
    let (queries, keys) = (case.queries.tokens, case.keys.tokens);
    for tier in tiers() {
        let (a_score, rest, backward_rest) = match tier.rounds_to_bf16() {
            true => (0.016, 0.009, 0.04),
            false => (case.queries.width as f64 * 2f64.powi(-22), 2e-6, 1e-5),
        };
        let scores = (a_score * exact.largest_score).exp_m1();
        let sums = 2f64.powi(-22) * queries.max(keys) as f64;
        let (output, log_sums) = case.forward(tier);
        assert_close(&format!("{tier} output"), &output, &exact.output, scores + rest + sums)?;
        for (found, expected) in log_sums.iter().zip(&exact.log_sums) {
            let allowed = scores + sums + 1e-6 * (2.0 + expected.abs());
            prop_assert!((f64::from(*found) - expected).abs() <= allowed, "{tier}: {found}, not {expected}");
        }
        let error = scores + backward_rest + sums;
        for ((name, found), expected) in
            ["q", "k", "v"].into_iter().zip(case.backward(tier)).zip(&exact.gradients)
        {
            assert_close(&format!("{tier} gradient of {name}"), &found, expected, error)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn attention_is_close_to_the_plain_one_whatever_its_shape(
        batch in 1usize..3, heads in 1usize..4, queries in awkward(140), keys in awkward(140),
        width in proptest::sample::select(vec![1usize, 5, 31, 32, 48, 64, 80, 96, 128]),
        by_token in any::<bool>(), seed in any::<u64>(),
    ) {
        assert_attention_is_close(&Case::new([batch, heads, queries, keys.max(1), width], by_token, seed))?;
    }

    #[test]
    fn a_nan_stays_in_its_head(
        tokens in 1usize..70, width in proptest::sample::select(vec![16usize, 32, 64]), at in any::<[usize; 2]>(),
        operand in 0usize..3, seed in any::<u64>(),
    ) {
        let mut case = Case::new([1, 2, tokens, tokens, width], true, seed);
        let (token, component) = (at[0] % tokens, at[1] % width);
        // Of head 0.
        let place = token * 2 * width + component;
        [&mut case.q, &mut case.k, &mut case.v][operand][place] = f32::NAN;
        for tier in tiers() {
            let (output, _) = case.forward(tier);
            for (place, value) in output.iter().enumerate() {
                let (row, head, column) = (place / (2 * width), place / width % 2, place % width);
                let reached = match operand {
                    0 => row == token,
                    1 => true,
                    _ => column == component,
                };
                prop_assert_eq!(value.is_nan(), head == 0 && reached, "{}: {}", tier, place);
            }
            for gradient in case.backward(tier) {
                let other_head = gradient.chunks(width).skip(1).step_by(2);
                prop_assert!(other_head.flatten().all(|value| value.is_finite()), "{}", tier);
            }
        }
    }
}

#[test]
fn attention_over_the_tokens_of_a_large_image_is_close_to_the_plain_one() {
    assert_attention_is_close(&Case::new([1, 1, 1370, 1370, 64], true, 3)).unwrap();
}

#[test]
fn queries_keys_and_values_and_their_gradients_may_lie_in_one_matrix() {
    let (batch, heads, tokens, width) = (2, 3, 21, 32);
    let fused = values(4, batch * tokens * 3 * heads * width);
    let apart = |which: usize| -> Vec<f32> {
        fused.chunks(heads * width).skip(which).step_by(3).flatten().copied().collect()
    };
    let mut case = Case::new([batch, heads, tokens, tokens, width], true, 0);
    (case.q, case.k, case.v) = (apart(0), apart(1), apart(2));
    for tier in tiers() {
        let mut output = vec![0.0; batch * heads * tokens * width];
        let mut log_sums = vec![0.0; batch * heads * tokens];
        let written = HeadsMut::new(&mut output, case.queries);
        let parts = Heads::fused(&fused, [batch, tokens, heads, width]);
        let [q, k, v] = parts;
        attention(tier, case.scale, q, k, v, written, &mut log_sums);
        assert_eq!((&output, &log_sums), (&case.forward(tier).0, &case.forward(tier).1), "{tier}");

        let mut gradient = vec![f32::NAN; fused.len()];
        attention_backward(
            tier,
            case.scale,
            parts,
            Heads::new(&output, case.queries),
            &log_sums,
            Heads::new(&case.output_gradient, case.queries),
            HeadsMut::fused(&mut gradient, [batch, tokens, heads, width]),
        );
        let rows = gradient.chunks(heads * width);
        for (which, expected) in case.backward(tier).into_iter().enumerate() {
            let found: Vec<f32> = rows.clone().skip(which).step_by(3).flatten().copied().collect();
            assert_eq!(found, expected, "{tier}: gradient {which}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let case = Case::new([1, 2, 197, 197, 64], true, 5);
    for tier in tiers() {
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (case.forward(tier), case.backward(tier)))
        };
        assert_eq!(with_threads(1), with_threads(7), "{tier}");
    }
}
