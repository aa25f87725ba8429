//! How close the kernels come to the machine's limit, on the shapes of a ViT-B/16 with 8 images of 224.
//!
//! `cargo run --release -p refcon-kernels --example peaks`

use refcon_kernels::{Activation, Epilogue, Matrix, PackedWeights, Tier, peak};
use std::time::Instant;

const RUNS: usize = 9;

/// Rows of 8 images of 197 tokens.
const ROWS: usize = 8 * 197;

fn main() {
    println!(
        "{} threads; medians of {RUNS} runs, shares of the limit measured here",
        rayon::current_num_threads()
    );
    for tier in Tier::here() {
        let limit = peak(tier);
        println!("\n{tier}: limit {:.3} TFLOP/s", limit / 1e12);
        for (k, n) in [(768, 768), (768, 2304), (768, 3072), (3072, 768)] {
            product(tier, limit, k, n);
        }
    }
}

fn product(tier: Tier, limit: f64, k: usize, n: usize) {
    let (a, w, bias) = (values(ROWS * k), values(k * n), values(n));
    let weights = PackedWeights::pack(tier, Matrix::new(&w, k, n));
    let mut c = vec![0.0; ROWS * n];
    let operations = 2.0 * (ROWS * k * n) as f64;
    let plain = Epilogue::default();
    let finished = Epilogue { bias: Some(&bias), activation: Some(Activation::Gelu), residual: None };
    let a = Matrix::new(&a, ROWS, k);
    report(&format!("{ROWS}×{k}×{n}"), operations, limit, || weights.multiply(a, &plain, &mut c));
    report("  with bias and GELU", operations, limit, || weights.multiply(a, &finished, &mut c));
}

fn report(work: &str, operations: f64, limit: f64, mut run: impl FnMut()) {
    run();
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let rate = operations / seconds[RUNS / 2];
    let best = operations / seconds[0];
    println!(
        "{work:<28} {:>8.2} ms {:>7.3} TFLOP/s {:>5.1} % (best {:>5.1} %)",
        1e3 * seconds[RUNS / 2],
        rate / 1e12,
        100.0 * rate / limit,
        100.0 * best / limit
    );
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
