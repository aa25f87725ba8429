//! Activations of a transformer's perceptron, forward and backward.

use crate::math::{below, logistic, normal};
use crate::vector::{MulAdd, vectorised};
use rayon::prelude::*;

/// The forms of GELU (Hendrycks & Gimpel, arXiv 1606.08415) that published encoders use.
///
/// Results lie within 5e-7 · (1 + |x|) of the exact values; derivatives within 1e-6 · (1 + |x|). NaN gives NaN, and so does
/// −∞ (its product with zero), as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · Φ(x), with the normal distribution Φ (ViT, ViT-MAE, DINOv2).
    Gelu,
    /// Its approximation by a hyperbolic tangent.
    GeluTanh,
    /// x / (1 + e^(−1.702 x)) (CLIP).
    QuickGelu,
}

/// Values that one task of a thread works on: 64 KiB, so that many cores get some each and none waits long.
pub(crate) const VALUES_A_TASK: usize = 16 * 1024;

impl Activation {
    /// `output[i] = activation(input[i])`.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn forward(self, input: &[f32], output: &mut [f32]) {
        assert_eq!(input.len(), output.len(), "an activation's input and output");
        output
            .par_chunks_mut(VALUES_A_TASK)
            .zip(input.par_chunks(VALUES_A_TASK))
            .for_each(|(output, input)| forward(self, input, output));
    }

    /// `gradient[i] *= activation'(input[i])`: the output's gradient becomes the input's.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn backward(self, input: &[f32], gradient: &mut [f32]) {
        assert_eq!(input.len(), gradient.len(), "an activation's input and gradient");
        gradient
            .par_chunks_mut(VALUES_A_TASK)
            .zip(input.par_chunks(VALUES_A_TASK))
            .for_each(|(gradient, input)| backward(self, input, gradient));
    }

    /// Of a few values in place, inside another kernel's loop.
    #[inline(always)]
    pub(crate) fn apply<M: MulAdd, const N: usize>(self, values: &mut [f32; N]) {
        match self {
            Activation::Gelu => values.iter_mut().for_each(|x| *x = gelu::<M>(*x)),
            Activation::GeluTanh => values.iter_mut().for_each(|x| *x = gelu_tanh::<M>(*x)),
            Activation::QuickGelu => values.iter_mut().for_each(|x| *x = quick_gelu::<M>(*x)),
        }
    }
}

#[inline(always)]
fn gelu<M: MulAdd>(x: f32) -> f32 {
    x * below::<M>(x)
}

#[inline(always)]
fn gelu_slope<M: MulAdd>(x: f32) -> f32 {
    let (below, density) = normal::<M>(x);
    M::mul_add(x, density, below)
}

/// √(2/π) · 2: the tangent form is a logistic of twice the tangent's argument.
const TANH_SCALE: f32 = 1.595_769;
const TANH_CUBIC: f32 = 0.044_715;

#[inline(always)]
fn gelu_tanh<M: MulAdd>(x: f32) -> f32 {
    x * logistic::<M>(TANH_SCALE * x * M::mul_add(TANH_CUBIC * x, x, 1.0))
}

#[inline(always)]
fn gelu_tanh_slope<M: MulAdd>(x: f32) -> f32 {
    let square = x * x;
    let s = logistic::<M>(TANH_SCALE * x * M::mul_add(TANH_CUBIC, square, 1.0));
    let inner = TANH_SCALE * x * M::mul_add(3.0 * TANH_CUBIC, square, 1.0);
    // Far out the logistic is flat, and its slope times an infinite argument would be NaN.
    let bend = if s * (1.0 - s) == 0.0 { 0.0 } else { inner * (s * (1.0 - s)) };
    s + bend
}

const QUICK_SCALE: f32 = 1.702;

#[inline(always)]
fn quick_gelu<M: MulAdd>(x: f32) -> f32 {
    x * logistic::<M>(QUICK_SCALE * x)
}

#[inline(always)]
fn quick_gelu_slope<M: MulAdd>(x: f32) -> f32 {
    let s = logistic::<M>(QUICK_SCALE * x);
    M::mul_add(QUICK_SCALE * x, s * (1.0 - s), s)
}

vectorised! {
    fn forward<M>(activation: Activation, input: &[f32], output: &mut [f32]) {
        let pairs = output.iter_mut().zip(input);
        match activation {
            Activation::Gelu => for (y, &x) in pairs { *y = gelu::<M>(x); },
            Activation::GeluTanh => for (y, &x) in pairs { *y = gelu_tanh::<M>(x); },
            Activation::QuickGelu => for (y, &x) in pairs { *y = quick_gelu::<M>(x); },
        }
    }
}

vectorised! {
    fn backward<M>(activation: Activation, input: &[f32], gradient: &mut [f32]) {
        let pairs = gradient.iter_mut().zip(input);
        match activation {
            Activation::Gelu => for (g, &x) in pairs { *g *= gelu_slope::<M>(x); },
            Activation::GeluTanh => for (g, &x) in pairs { *g *= gelu_tanh_slope::<M>(x); },
            Activation::QuickGelu => for (g, &x) in pairs { *g *= quick_gelu_slope::<M>(x); },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    const ALL: [Activation; 3] = [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu];

    fn close(activation: Activation, input: &[f32]) {
        let mut output = vec![0.0; input.len()];
        activation.forward(input, &mut output);
        let mut slopes = vec![1.0; input.len()];
        activation.backward(input, &mut slopes);
        for ((&x, &y), &slope) in input.iter().zip(&output).zip(&slopes) {
            let (exact, exact_slope) = twin::activation(activation, f64::from(x));
            let size = 1.0 + f64::from(x).abs();
            assert!((f64::from(y) - exact).abs() <= 5e-7 * size, "{activation:?}({x}) = {y}, not {exact}");
            let error = (f64::from(slope) - exact_slope).abs();
            assert!(error <= 1e-6 * size, "{activation:?}'({x}) = {slope}, not {exact_slope}");
        }
    }

    #[test]
    fn activations_keep_to_their_error_everywhere() {
        let input: Vec<f32> = (-12_000..=12_000).map(|step| step as f32 / 1000.0).collect();
        for activation in ALL {
            close(activation, &input);
            close(activation, &[-1e30, -1e4, -90.0, -0.0, 1e-30, 90.0, 1e4, 1e30]);
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        for activation in ALL {
            let mut output = [0.0; 3];
            activation.forward(&[f32::NAN, 1.0, f32::INFINITY], &mut output);
            assert!(output[0].is_nan() && output[1] > 0.8 && output[2] == f32::INFINITY, "{output:?}");
            let mut gradient = [1.0; 2];
            activation.backward(&[f32::NAN, 0.0], &mut gradient);
            assert!(gradient[0].is_nan() && (gradient[1] - 0.5).abs() < 1e-6, "{gradient:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_of_values_is_activated(count in twin::awkward(200), seed in any::<u64>()) {
            for activation in ALL {
                close(activation, &twin::values(seed, count));
            }
        }
    }
}
