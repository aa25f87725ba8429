//! Position embeddings for another image size: bicubic resampling of their grid, as each library does it.

use burn::tensor::{Tensor, TensorData};

/// How a library resamples position embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionResize {
    /// PyTorch's `interpolate(mode="bicubic")`: Transformers' ViT, ViT-MAE, CLIP and DINOv2.
    Bicubic,
    /// The same with `antialias=True`: timm, and DINOv2 with registers.
    Antialiased,
    /// The same with `align_corners=True`: torchvision.
    CornersAligned,
}

/// One output position: the first input that counts, and the weights of it and its successors.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// Resamples the grid of patch positions to `to × to`; the first `leading` positions stay as they are.
///
/// `positions` is `[leading + from², width]`, row-major; what comes back is `[leading + to², width]`.
pub(crate) fn resize(
    positions: &[f32],
    leading: usize,
    width: usize,
    from: usize,
    to: usize,
    how: PositionResize,
) -> Vec<f32> {
    if from == to {
        return positions.to_vec();
    }
    let (kept, grid) = positions.split_at(leading * width);
    let taps: Vec<Taps> = (0..to).map(|at| taps(at, from, to, how)).collect();
    // Along rows, then along columns.
    let mut across = vec![0.0_f64; from * to * width];
    for row in 0..from {
        for (column, taps) in taps.iter().enumerate() {
            let out = &mut across[(row * to + column) * width..][..width];
            for (at, weight) in (taps.first..).zip(&taps.weights) {
                let token = &grid[(row * from + at) * width..][..width];
                out.iter_mut().zip(token).for_each(|(out, &value)| *out += weight * f64::from(value));
            }
        }
    }
    let mut resized = kept.to_vec();
    let mut sum = vec![0.0_f64; width];
    for taps in &taps {
        for column in 0..to {
            sum.fill(0.0);
            for (at, weight) in (taps.first..).zip(&taps.weights) {
                let token = &across[(at * to + column) * width..][..width];
                sum.iter_mut().zip(token).for_each(|(sum, value)| *sum += weight * value);
            }
            resized.extend(sum.iter().map(|&value| value as f32));
        }
    }
    resized
}

/// The positions of a grid of patches for another one, as [`resize`] makes them; gradients pass through.
///
/// `[1, from², width]` → `[1, to², width]`
pub(crate) fn resampled(grid: Tensor<3>, to: usize, how: PositionResize) -> Tensor<3> {
    let from = grid.dims()[1].isqrt();
    if from == to {
        return grid;
    }
    let shape = [1, to * to, from * from];
    Tensor::from_data(TensorData::new(matrix(from, to, how), shape), &grid.device()).matmul(grid)
}

/// What [`resize`] multiplies a grid by: `[to², from²]`, row-major.
fn matrix(from: usize, to: usize, how: PositionResize) -> Vec<f32> {
    let taps: Vec<Taps> = (0..to).map(|at| taps(at, from, to, how)).collect();
    let mut matrix = vec![0.0; (to * from).pow(2)];
    for (at, row) in matrix.chunks_exact_mut(from * from).enumerate() {
        let [down, across] = [&taps[at / to], &taps[at % to]];
        for (y, of_row) in (down.first..).zip(&down.weights) {
            for (x, of_column) in (across.first..).zip(&across.weights) {
                row[y * from + x] = (of_row * of_column) as f32;
            }
        }
    }
    matrix
}

/// Where output position `at` of `to` comes from among `from` inputs. Beyond the edge, PyTorch repeats the edge where it
/// interpolates, and leaves the kernel out where it antialiases.
fn taps(at: usize, from: usize, to: usize, how: PositionResize) -> Taps {
    let (at, last) = (at as f64, from as f64 - 1.0);
    let scale = match how {
        PositionResize::CornersAligned if to > 1 => last / (to as f64 - 1.0),
        PositionResize::CornersAligned => 0.0,
        PositionResize::Bicubic | PositionResize::Antialiased => from as f64 / to as f64,
    };
    if how == PositionResize::Antialiased {
        let stretch = scale.max(1.0);
        let centre = scale * (at + 0.5);
        let first = (centre - 2.0 * stretch + 0.5).floor().max(0.0) as usize;
        let end = ((centre + 2.0 * stretch + 0.5).floor() as usize).min(from);
        let mut weights: Vec<f64> =
            (first..end).map(|input| cubic((input as f64 - centre + 0.5) / stretch, -0.5)).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        return Taps { first, weights };
    }
    let source = match how {
        PositionResize::CornersAligned => scale * at,
        PositionResize::Bicubic | PositionResize::Antialiased => scale * (at + 0.5) - 0.5,
    };
    let base = source.floor();
    let clamped = |offset: f64| (base + offset).clamp(0.0, last) as usize;
    let first = clamped(-1.0);
    let mut weights = vec![0.0; clamped(2.0) - first + 1];
    for offset in [-1.0, 0.0, 1.0, 2.0] {
        weights[clamped(offset) - first] += cubic(source - base - offset, -0.75);
    }
    Taps { first, weights }
}

/// Keys' cubic kernel with parameter `a`.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((x - 5.0) * x + 8.0) * x * a - 4.0 * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    #[test]
    fn positions_resampled_in_the_graph_are_those_resampled_as_they_are_read() {
        let width = 3;
        for (from, to) in [(14, 6), (4, 7), (2, 1), (5, 5)] {
            for how in [PositionResize::Bicubic, PositionResize::Antialiased, PositionResize::CornersAligned]
            {
                let grid: Vec<f32> =
                    (0..from * from * width).map(|at| ((at * 37 + 11) % 101) as f32 / 101.0).collect();
                let tensor = TensorData::new(grid.clone(), [1, from * from, width]);
                let found = resampled(Tensor::from_data(tensor, &device::cpu()), to, how);
                assert_eq!(found.dims(), [1, to * to, width]);
                let expected = resize(&grid, 0, width, from, to, how);
                for (found, expected) in found.into_data().iter::<f32>().zip(expected) {
                    assert!((found - expected).abs() < 1e-5, "{from} to {to}, {how:?}: {found}, {expected}");
                }
            }
        }
    }
}
