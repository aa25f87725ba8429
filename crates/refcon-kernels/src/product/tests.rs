use super::*;
use crate::activation::Activation;
use crate::twin;
use half::{bf16, f16};
use proptest::prelude::*;

/// A matrix of `rows` × `columns` that lies in `values` by rows, by columns, or with room in between.
fn laid(values: &[f32], rows: usize, columns: usize, how: usize) -> Matrix<'_> {
    match how {
        0 => Matrix::strided(values, [rows, columns], [columns, 1]),
        1 => Matrix::strided(values, [rows, columns], [1, rows]),
        _ => Matrix::strided(values, [rows, columns], [2 * columns + 3, 2]),
    }
}

fn room(rows: usize, columns: usize) -> usize {
    rows * (2 * columns + 3)
}

fn assert_product_is_close(tier: Tier, a: Matrix<'_>, b: Matrix<'_>, c: &[f32]) -> Result<(), TestCaseError> {
    let (exact, sizes) = twin::product(a, b);
    let error = twin::product_error(tier, a.columns());
    for (at, ((&c, exact), size)) in c.iter().zip(exact).zip(sizes).enumerate() {
        prop_assert!((f64::from(c) - exact).abs() <= error * size, "{tier}: sum {at} is {c}, not {exact}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_product_is_close_to_the_plain_one_whatever_its_shape_and_strides(
        m in twin::awkward(100), k in twin::awkward(140), n in twin::awkward(100),
        a_laid in 0usize..3, b_laid in 0usize..3, seed in any::<u64>(),
    ) {
        let (a, b) = (twin::values(seed, room(m, k)), twin::values(!seed, room(k, n)));
        let (a, b) = (laid(&a, m, k, a_laid), laid(&b, k, n, b_laid));
        for tier in twin::tiers() {
            let mut c = vec![f32::NAN; m * n];
            multiply(tier, a, b, &Epilogue::default(), &mut c);
            assert_product_is_close(tier, a, b, &c)?;
            let mut packed = vec![f32::NAN; m * n];
            PackedWeights::pack(tier, b).multiply(a, &Epilogue::default(), &mut packed);
            assert_product_is_close(tier, a, b, &packed)?;
        }
    }

    #[test]
    fn the_epilogue_adds_activates_and_adds(
        m in twin::awkward(70), k in twin::awkward(70), n in twin::awkward(70), seed in any::<u64>(),
        activation in proptest::sample::select(vec![
            None, Some(Activation::Gelu), Some(Activation::GeluTanh), Some(Activation::QuickGelu),
        ]),
        with_bias in any::<bool>(), with_residual in any::<bool>(),
    ) {
        let (a, b) = (twin::values(seed, m * k), twin::values(!seed, k * n));
        let (bias, residual) = (twin::values(seed ^ 7, n), twin::values(seed ^ 9, m * n));
        let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
        let epilogue = Epilogue {
            bias: with_bias.then_some(&bias[..]),
            activation,
            residual: with_residual.then_some(&residual[..]),
        };
        let (sums, sizes) = twin::product(a, b);
        for tier in twin::tiers() {
            let mut c = vec![f32::NAN; m * n];
            multiply(tier, a, b, &epilogue, &mut c);
            for (at, &found) in c.iter().enumerate() {
                let sum = sums[at] + if with_bias { f64::from(bias[at % n]) } else { 0.0 };
                let activated = activation.map_or(sum, |activation| twin::activation(activation, sum).0);
                let expected = activated + if with_residual { f64::from(residual[at]) } else { 0.0 };
                // No activation here is steeper than 1.2.
                let allowed = 1.2 * twin::product_error(tier, k) * sizes[at] + 1e-6 * (2.0 + sum.abs() + expected.abs());
                prop_assert!((f64::from(found) - expected).abs() <= allowed, "{tier}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn gradients_are_products_of_transposed_views(
        rows in twin::awkward(70), inputs in twin::awkward(70), outputs in twin::awkward(70), seed in any::<u64>(),
    ) {
        let (x, w) = (twin::values(seed, rows * inputs), twin::values(!seed, inputs * outputs));
        let dy = twin::values(seed ^ 5, rows * outputs);
        let (x, w) = (Matrix::new(&x, rows, inputs), Matrix::new(&w, inputs, outputs));
        let dy = Matrix::new(&dy, rows, outputs);
        for tier in twin::tiers() {
            let mut dx = vec![f32::NAN; rows * inputs];
            PackedWeights::pack(tier, w.transposed()).multiply(dy, &Epilogue::default(), &mut dx);
            assert_product_is_close(tier, dy, w.transposed(), &dx)?;
            let mut dw = vec![f32::NAN; inputs * outputs];
            multiply(tier, x.transposed(), dy, &Epilogue::default(), &mut dw);
            assert_product_is_close(tier, x.transposed(), dy, &dw)?;
        }
    }

    #[test]
    fn a_perceptron_is_two_products_and_an_activation(
        rows in twin::awkward(70), inputs in twin::awkward(70), hidden in twin::awkward(140),
        outputs in twin::awkward(70), with_bias in any::<bool>(), with_residual in any::<bool>(), seed in any::<u64>(),
    ) {
        let x = twin::values(seed, rows * inputs);
        let (up, down) = (twin::values(!seed, inputs * hidden), twin::values(seed ^ 3, hidden * outputs));
        let (bias, residual) = (twin::values(seed ^ 5, hidden), twin::values(seed ^ 7, rows * outputs));
        let x = Matrix::new(&x, rows, inputs);
        let bias = with_bias.then_some(&bias[..]);
        let epilogue = Epilogue { residual: with_residual.then_some(&residual[..]), ..Epilogue::default() };
        for tier in twin::tiers() {
            let up = PackedWeights::pack(tier, Matrix::new(&up, inputs, hidden));
            let down = PackedWeights::pack(tier, Matrix::new(&down, hidden, outputs));
            let mut between = vec![f32::NAN; rows * hidden];
            up.multiply(x, &Epilogue { bias, activation: Some(Activation::Gelu), residual: None }, &mut between);
            let mut expected = vec![f32::NAN; rows * outputs];
            down.multiply(Matrix::new(&between, rows, hidden), &epilogue, &mut expected);
            let mut found = vec![f32::NAN; rows * outputs];
            perceptron(x, &up, bias, Activation::Gelu, &down, &epilogue, &mut found);
            prop_assert_eq!(found, expected, "{}", tier);
        }
    }

    #[test]
    fn weights_of_16_bits_pack_as_their_values_do(
        k in twin::awkward(70), n in twin::awkward(70), seed in any::<u64>(),
    ) {
        let values = twin::values(seed, k * n);
        let brain: Vec<bf16> = values.iter().map(|&v| bf16::from_f32(v)).collect();
        let half: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
        let widened_brain: Vec<f32> = brain.iter().map(|v| v.to_f32()).collect();
        let widened_half: Vec<f32> = half.iter().map(|v| v.to_f32()).collect();
        let a = twin::values(!seed, 3 * k);
        let a = Matrix::new(&a, 3, k);
        for tier in twin::tiers() {
            let product = |weights: PackedWeights| {
                let mut c = vec![0.0; 3 * n];
                weights.multiply(a, &Epilogue::default(), &mut c);
                c
            };
            prop_assert_eq!(
                product(PackedWeights::pack(tier, Matrix::new(&brain, k, n))),
                product(PackedWeights::pack(tier, Matrix::new(&widened_brain, k, n)))
            );
            prop_assert_eq!(
                product(PackedWeights::pack(tier, Matrix::new(&half, k, n))),
                product(PackedWeights::pack(tier, Matrix::new(&widened_half, k, n)))
            );
        }
    }

    #[test]
    fn a_nan_reaches_its_row_or_column_and_nothing_else(
        m in 1usize..70, k in 1usize..70, n in 1usize..70, at in any::<[usize; 4]>(), seed in any::<u64>(),
    ) {
        let (mut a, mut b) = (twin::values(seed, m * k), twin::values(!seed, k * n));
        let (row, column) = (at[0] % m, at[1] % n);
        a[row * k + at[2] % k] = f32::NAN;
        b[at[3] % k * n + column] = f32::NAN;
        for tier in twin::tiers() {
            let mut c = vec![0.0; m * n];
            multiply(tier, Matrix::new(&a, m, k), Matrix::new(&b, k, n), &Epilogue::default(), &mut c);
            for (at, c) in c.into_iter().enumerate() {
                prop_assert_eq!(c.is_nan(), at / n == row || at % n == column, "{}: {}", tier, at);
            }
        }
    }
}

#[test]
fn a_deep_product_takes_several_passes() {
    // Deeper than any engine's pass.
    let (m, k, n) = (35, 4500, 33);
    let (a, b) = (twin::values(1, m * k), twin::values(2, k * n));
    let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
    for tier in twin::tiers() {
        let mut c = vec![f32::NAN; m * n];
        multiply(tier, a, b, &Epilogue::default(), &mut c);
        assert_product_is_close(tier, a, b, &c).unwrap();
    }
}

#[test]
fn a_perceptron_of_many_rows_is_computed_in_parts() {
    let (rows, inputs, hidden, outputs) = (4133, 3, 5, 2);
    let x = twin::values(1, rows * inputs);
    let (up, down) = (twin::values(2, inputs * hidden), twin::values(3, hidden * outputs));
    let residual = twin::values(4, rows * outputs);
    let x = Matrix::new(&x, rows, inputs);
    let epilogue = Epilogue { residual: Some(&residual), ..Epilogue::default() };
    for tier in twin::tiers() {
        let up = PackedWeights::pack(tier, Matrix::new(&up, inputs, hidden));
        let down = PackedWeights::pack(tier, Matrix::new(&down, hidden, outputs));
        let mut between = vec![f32::NAN; rows * hidden];
        let activated = Epilogue { activation: Some(Activation::QuickGelu), ..Epilogue::default() };
        up.multiply(x, &activated, &mut between);
        let mut expected = vec![f32::NAN; rows * outputs];
        down.multiply(Matrix::new(&between, rows, hidden), &epilogue, &mut expected);
        let mut found = vec![f32::NAN; rows * outputs];
        perceptron(x, &up, None, Activation::QuickGelu, &down, &epilogue, &mut found);
        for (found, expected) in found.into_iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-5 * (1.0 + expected.abs()),
                "{tier}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing_in_bf16() {
    let (m, k, n) = (211, 97, 149);
    let (a, b) = (twin::values(1, m * k), twin::values(2, k * n));
    for tier in twin::tiers().into_iter().filter(|tier| tier.rounds_to_bf16()) {
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut c = vec![0.0; m * n];
            pool.install(|| {
                multiply(tier, Matrix::new(&a, m, k), Matrix::new(&b, k, n), &Epilogue::default(), &mut c);
            });
            c
        };
        assert_eq!(with_threads(1), with_threads(5), "{tier}");
    }
}

#[test]
fn packed_weights_of_the_bf16_tiers_take_two_bytes_a_value() {
    let values = vec![0.5f32; 768 * 64];
    for tier in twin::tiers() {
        let weights = PackedWeights::pack(tier, Matrix::new(&values, 768, 64));
        let bytes_a_value = if tier.rounds_to_bf16() { 2 } else { 4 };
        assert_eq!((weights.bytes(), weights.shape()), (bytes_a_value * values.len(), [768, 64]));
        assert_eq!(weights.tier(), tier);
    }
}

#[test]
#[should_panic(expected = "the left factor's columns")]
fn factors_must_fit_each_other() {
    let values = [0.0; 6];
    multiply(
        Tier::F32,
        Matrix::new(&values, 2, 3),
        Matrix::new(&values, 2, 3),
        &Epilogue::default(),
        &mut [0.0; 6],
    );
}
