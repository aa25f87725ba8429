//! Matrix products of a linear layer's shapes, beside PyTorch's.

use crate::measure::time;
use crate::outcome::Report;
use crate::sides::Sides;
use crate::{Failure, Settings, vit};
use refcon_kernels::{Epilogue, Matrix, PackedWeights, Tier};

/// Rows of the left factor: the tokens of 8 images.
const ROWS: usize = 1576;
/// What each row is multiplied with.
const DEPTH: usize = 768;
/// Products a run.
const TIMES: usize = 10;

/// Runs the comparison.
///
/// # Errors
/// The peer fails, or computed another number of values.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let peer = settings.peer("pytorch", &["gemm".as_ref()], report);
    let mut sides = Sides { settings, report, peer, peer_name: "PyTorch" };
    for (name, tier, _) in vit::executions() {
        for columns in [3 * DEPTH, 4 * DEPTH] {
            product(&mut sides, name, tier, columns)?;
        }
    }
    Ok(())
}

fn product(sides: &mut Sides<'_>, name: &str, tier: Tier, columns: usize) -> Result<(), Failure> {
    let (x, weight) = (values(ROWS * DEPTH), values(DEPTH * columns));
    let packed = PackedWeights::pack(tier, Matrix::new(&weight, columns, DEPTH).transposed());
    let mut y = vec![0.0; ROWS * columns];
    let operations = (TIMES * 2 * ROWS * DEPTH * columns) as f64;
    let mut multiply = || {
        for _ in 0..TIMES {
            packed.multiply(Matrix::new(&x, ROWS, DEPTH), &Epilogue::default(), &mut y);
        }
        Ok(y.len() as f64)
    };
    sides.compare_rates(
        &format!("{ROWS} × {DEPTH} × {columns}, {name}"),
        &format!("{name} {columns}"),
        (1e-12 * operations, "TFLOP/s"),
        &mut || time(&mut multiply),
        || Some(vit::least_seconds(tier, operations)),
    )
}

/// Numbers between −0.5 and 0.5, the same in every run.
fn values(count: usize) -> Vec<f32> {
    let mut state = 12345u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}
