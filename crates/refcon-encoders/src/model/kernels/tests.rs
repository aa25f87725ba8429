use crate::device;
use crate::execution::Execution;
use crate::model::Activation;
use crate::model::layers::{self, LayerNorm, Linear};
use crate::operations;
use burn::module::Param;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;
use refcon_kernels::Tier;

/// Numbers between −1 and 1, the same for the same seed.
fn numbers<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Sizes at which loops go wrong: one, primes, and just beside multiples of 16 and 32.
fn awkward() -> impl Strategy<Value = usize> {
    proptest::sample::select(vec![1, 2, 3, 7, 13, 15, 16, 17, 31, 32, 33, 47, 64, 67])
}

/// A linear layer whose weight lies as checkpoints leave it, or row after row.
fn linear_layer(
    seed: u64,
    [inputs, outputs]: [usize; 2],
    transposed: bool,
    bias: bool,
    device: &Device,
) -> Linear {
    let bias = bias.then(|| numbers(!seed, [outputs], device));
    let mut layer = Linear::new(numbers(seed, [outputs, inputs], device), bias);
    if !transposed {
        layer.weight = Some(Param::from_tensor(numbers(seed, [inputs, outputs], device)));
    }
    layer
}

/// A result, and the gradients of what it was computed from.
type Outcome = Vec<(&'static str, TensorData)>;

/// The gradients of a number that each value of `output` changes differently.
fn outcome<const D: usize>(output: &Tensor<D>, leaves: Vec<(&'static str, Leaf)>) -> Outcome {
    let loss = (output.clone() * numbers(99, output.dims(), &output.device())).sum();
    let gradients = loss.backward();
    let mut outcome = vec![("output", output.to_data())];
    for (name, leaf) in leaves {
        let gradient = match leaf {
            Leaf::One(tensor) => tensor.grad(&gradients).map(|gradient| gradient.to_data()),
            Leaf::Two(tensor) => tensor.grad(&gradients).map(|gradient| gradient.to_data()),
            Leaf::Three(tensor) => tensor.grad(&gradients).map(|gradient| gradient.to_data()),
        };
        outcome.push((name, gradient.unwrap_or_else(|| panic!("no gradient of {name}"))));
    }
    outcome
}

enum Leaf {
    One(Tensor<1>),
    Two(Tensor<2>),
    Three(Tensor<3>),
}

fn leaves_of(layer: &Linear, [weight, bias]: [&'static str; 2]) -> Vec<(&'static str, Leaf)> {
    let weight = layer.weight.as_ref().map(|of| (weight, Leaf::Two(of.val())));
    let bias = layer.bias().map(|of| (bias, Leaf::One(of)));
    weight.into_iter().chain(bias).collect()
}

/// Compares what the kernels compute in every tier with what Burn's operations do.
fn same(compute: impl Fn(Execution) -> Outcome) {
    let expected = compute(Execution::PLAIN);
    for tier in Tier::here() {
        let found = compute(Execution::in_tier(tier).for_training());
        let (relative, absolute) = if tier.rounds_to_bf16() { (0.05, 0.02) } else { (1e-5, 1e-5) };
        for ((name, found), (_, expected)) in found.iter().zip(&expected) {
            println!("{name} in {tier}");
            // Errors of a sum are relative to its terms, of which the largest values give an idea.
            let largest = expected.iter::<f32>().fold(1.0f32, |largest, value| largest.max(value.abs()));
            let tolerance = Tolerance::<f32>::rel_abs(relative, absolute * largest);
            found.assert_approx_eq(expected, tolerance);
        }
    }
}

/// What comes in, read across where `turned`.
fn input([batch, tokens, width]: [usize; 3], turned: bool, device: &Device) -> (Tensor<3>, Leaf) {
    if turned {
        let leaf = numbers(3, [tokens, batch, width], device).require_grad();
        (leaf.clone().swap_dims(0, 1), Leaf::Three(leaf))
    } else {
        let leaf = numbers(3, [batch, tokens, width], device).require_grad();
        (leaf.clone(), Leaf::Three(leaf))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_linear_layer_of_an_activation_has_burns_gradients(
        rows in awkward(), inputs in awkward(), outputs in awkward(), [bias, transposed, quick] in any::<[bool; 3]>(),
    ) {
        let device = device::cpu().autodiff();
        same(|how| {
            let layer = linear_layer(5, [inputs, outputs], transposed, bias, &device);
            let leaf = numbers(3, [rows, inputs], &device).require_grad();
            let activation = if quick { Activation::QuickGelu } else { Activation::Gelu };
            let output = layers::activated_linear(&layer, activation, leaf.clone(), how);
            let mut leaves = leaves_of(&layer, ["weight", "bias"]);
            leaves.push(("input", Leaf::Two(leaf)));
            outcome(&output, leaves)
        });
    }

    #[test]
    fn a_cross_entropy_of_cosines_has_burns_gradients(
        rows in 1usize..20, columns in awkward(), width in 2usize..70,
    ) {
        const TEMPERATURE: f64 = 0.1;
        let device = device::cpu().autodiff();
        let compute = |fused: bool| {
            let vectors = numbers(3, [rows, width], &device).require_grad();
            let others = numbers(4, [columns, width], &device).require_grad();
            let targets = numbers(5, [rows, columns], &device).abs();
            let losses = if fused {
                let (vectors, others) = (operations::unit(vectors.clone()), operations::unit(others.clone()));
                let cosines = operations::product(vectors, others.transpose(), Execution::F32);
                operations::cross_entropy(cosines, targets, TEMPERATURE)
            } else {
                let unit = |of: Tensor<2>| of.clone() / of.square().sum_dim(1).sqrt();
                let cosines = unit(vectors.clone()).matmul(unit(others.clone()).transpose());
                (targets * log_softmax(cosines.div_scalar(TEMPERATURE), 1)).sum_dim(1).neg()
            };
            outcome(&losses, vec![("vectors", Leaf::Two(vectors)), ("others", Leaf::Two(others))])
        };
        for ((name, found), (_, expected)) in compute(true).iter().zip(&compute(false)) {
            println!("{name}");
            let largest = expected.iter::<f32>().fold(1.0f32, |largest, value| largest.max(value.abs()));
            found.assert_approx_eq(expected, Tolerance::<f32>::rel_abs(1e-4, 1e-4 * largest));
        }
    }

    #[test]
    fn logits_are_spread_as_burn_spreads_them(rows in 1usize..20, columns in awkward(), rounds in 1usize..4) {
        let logits = |device: &Device| numbers(3, [rows, columns], device);
        let found = operations::sinkhorn_knopp(logits(&device::cpu()), 0.05, rounds);
        // Where gradients may be wanted the kernels leave it to Burn.
        let expected = operations::sinkhorn_knopp(logits(&device::cpu().autodiff()), 0.05, rounds);
        found.into_data().assert_approx_eq(&expected.into_data(), Tolerance::<f32>::rel_abs(1e-4, 1e-6));
    }

    #[test]
    fn a_linear_layer_has_burns_gradients(
        batch in 1usize..4, tokens in awkward(), inputs in awkward(), outputs in awkward(),
        [bias, transposed, turned, with_residual] in any::<[bool; 4]>(),
    ) {
        let device = device::cpu().autodiff();
        same(|how| {
            let layer = linear_layer(5, [inputs, outputs], transposed, bias, &device);
            let (x, leaf) = input([batch, tokens, inputs], turned, &device);
            let residual = numbers(4, [batch, tokens, outputs], &device).require_grad();
            let mut leaves = leaves_of(&layer, ["weight", "bias"]);
            leaves.push(("input", leaf));
            let output = if with_residual {
                leaves.push(("residual", Leaf::Three(residual.clone())));
                layers::linear_onto(&layer, None, x, residual, how)
            } else {
                layers::linear(&layer, x, how)
            };
            outcome(&output, leaves)
        });
    }

    #[test]
    fn a_perceptron_has_burns_gradients(
        batch in 1usize..4, tokens in awkward(), width in awkward(), hidden in awkward(),
        [bias, transposed, turned, scaled] in any::<[bool; 4]>(),
        activation in proptest::sample::select(vec![Activation::Gelu, Activation::QuickGelu, Activation::SwiGlu]),
    ) {
        let device = device::cpu().autodiff();
        same(|how| {
            let up = linear_layer(5, [width, hidden * activation.widening()], transposed, bias, &device);
            let down = linear_layer(6, [hidden, width], transposed, bias, &device);
            let scale = scaled.then(|| Param::from_tensor(numbers(8, [width], &device)));
            let (x, leaf) = input([batch, tokens, width], turned, &device);
            let residual = numbers(4, [batch, tokens, width], &device).require_grad();
            let mut leaves = leaves_of(&up, ["up weight", "up bias"]);
            leaves.extend(leaves_of(&down, ["down weight", "down bias"]));
            leaves.extend(scale.as_ref().map(|scale| ("scale", Leaf::One(scale.val()))));
            leaves.extend([("input", leaf), ("residual", Leaf::Three(residual.clone()))]);
            outcome(&layers::perceptron([&up, &down], activation, scale.as_ref(), x, residual, how), leaves)
        });
    }

    #[test]
    fn layer_normalisation_has_burns_gradients(
        batch in 1usize..4, tokens in awkward(), width in awkward(), turned in any::<bool>(),
    ) {
        let device = device::cpu().autodiff();
        // Of rows of one or two values, rounding is all that is left.
        prop_assume!(width > 2);
        same(|how| {
            let layer = LayerNorm::new(numbers(5, [width], &device), numbers(6, [width], &device), 1e-5);
            let (x, leaf) = input([batch, tokens, width], turned, &device);
            let leaves = vec![
                ("gamma", Leaf::One(layer.gamma.val())),
                ("beta", Leaf::One(layer.beta.val())),
                ("input", leaf),
            ];
            outcome(&layers::layer_norm(&layer, x, how), leaves)
        });
    }

    #[test]
    fn attention_has_burns_gradients(
        batch in 1usize..4, tokens in awkward(), heads in 1usize..4, head_width in awkward(), turned in any::<bool>(),
    ) {
        let device = device::cpu().autodiff();
        same(|how| {
            let (fused, leaf) = input([batch, tokens, 3 * heads * head_width], turned, &device);
            outcome(&layers::attention(fused, heads, how), vec![("queries, keys and values", leaf)])
        });
    }
}

/// A gradient that comes as one number for many, as that of a sum does.
#[test]
fn a_gradient_that_is_one_number_for_all_is_read_as_such() {
    let device = device::cpu().autodiff();
    same(|how| {
        let layer = linear_layer(5, [7, 5], true, true, &device);
        let x = numbers(3, [4, 7], &device).require_grad();
        let gradients = layers::linear(&layer, x.clone(), how).sum().backward();
        vec![("input", x.grad(&gradients).unwrap().to_data())]
    });
}

#[test]
fn what_belongs_to_no_graph_is_taken_for_constant() {
    let plain = device::cpu();
    same(|how| {
        let layer = linear_layer(5, [7, 5], true, true, &plain.clone().autodiff());
        let x = numbers(3, [4, 7], &plain);
        let gradients = layers::linear(&layer, x, how).sum().backward();
        let weight = layer.weight.as_ref().unwrap().val();
        vec![("weight", weight.grad(&gradients).unwrap().to_data())]
    });
}
