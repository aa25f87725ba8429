//! How close the kernels come to the machine's limit, on the shapes of a ViT-B/16 with 8 images of 224.
//!
//! `cargo run --release -p refcon-kernels --example peaks [TIER]`
//!
//! Products and attention are shown as a share of the register-only limit of their tier, everything else by its speed.

use refcon_kernels::{
    Activation, Epilogue, HeadLayout, Heads, HeadsMut, Matrix, Moments, PackedWeights, Tier, attention,
    attention_backward, layer_norm, layer_norm_backward, multiply, peak,
};
use std::process::ExitCode;
use std::time::Instant;

const RUNS: usize = 15;
const IMAGES: usize = 8;
const TOKENS: usize = 197;
const HEADS: usize = 12;
const HEAD_WIDTH: usize = 64;
const WIDTH: usize = HEADS * HEAD_WIDTH;
const ROWS: usize = IMAGES * TOKENS;

fn main() -> ExitCode {
    let tiers = match std::env::args().nth(1).map(|name| Tier::named(&name)) {
        None => Tier::here(),
        Some(Ok(tier)) => vec![tier],
        Some(Err(error)) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    println!("{} threads, {RUNS} runs each: median, and the fastest", rayon::current_num_threads());
    for tier in tiers {
        let limit = peak(tier);
        println!("\n{tier}: limit {:.3} TFLOP/s", limit / 1e12);
        for (k, n) in [(WIDTH, WIDTH), (WIDTH, 3 * WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)] {
            products(tier, limit, k, n);
        }
        attention_both_ways(tier, limit);
    }
    println!();
    row_by_row();
    ExitCode::SUCCESS
}

fn products(tier: Tier, limit: f64, k: usize, n: usize) {
    let (x, w, dy, bias) = (values(ROWS * k), values(k * n), values(ROWS * n), values(n));
    let (x, w, dy) = (Matrix::new(&x, ROWS, k), Matrix::new(&w, k, n), Matrix::new(&dy, ROWS, n));
    let (weights, transposed) = (PackedWeights::pack(tier, w), PackedWeights::pack(tier, w.transposed()));
    let (mut y, mut dx, mut dw) = (vec![0.0; ROWS * n], vec![0.0; ROWS * k], vec![0.0; k * n]);
    let plain = Epilogue::default();
    let finished = Epilogue { bias: Some(&bias), activation: Some(Activation::Gelu), residual: None };
    let share = Share { operations: 2.0 * (ROWS * k * n) as f64, limit };
    share.print(&format!("{ROWS} × {k} × {n}"), || weights.multiply(x, &plain, &mut y));
    share.print("  with bias and GELU", || weights.multiply(x, &finished, &mut y));
    share.print("  gradient of x", || transposed.multiply(dy, &plain, &mut dx));
    share.print("  gradient of w", || multiply(tier, x.transposed(), dy, &plain, &mut dw));
}

fn attention_both_ways(tier: Tier, limit: f64) {
    let layout = HeadLayout::by_token(IMAGES, TOKENS, HEADS, HEAD_WIDTH);
    let count = ROWS * WIDTH;
    let [q, k, v, output_gradient] = [1, 2, 3, 4].map(|_| values(count));
    let (mut output, mut log_sums) = (vec![0.0; count], vec![0.0; IMAGES * HEADS * TOKENS]);
    let scale = 1.0 / (HEAD_WIDTH as f32).sqrt();
    let [q, k, v, output_gradient] = [&q, &k, &v, &output_gradient].map(|of| Heads::new(of, layout));
    let products = |count: usize| Share {
        operations: (count * 2 * IMAGES * HEADS * TOKENS * TOKENS * HEAD_WIDTH) as f64,
        limit,
    };
    products(2).print(&format!("attention {IMAGES} × {HEADS} × {TOKENS} × {HEAD_WIDTH}"), || {
        attention(tier, scale, q, k, v, HeadsMut::new(&mut output, layout), &mut log_sums);
    });
    let output = Heads::new(&output, layout);
    let mut gradients = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
    products(5).print("  backward", || {
        let gradients = gradients.each_mut().map(|of| HeadsMut::new(of, layout));
        attention_backward(tier, scale, [q, k, v], output, &log_sums, output_gradient, gradients);
    });
}

fn row_by_row() {
    let count = ROWS * WIDTH;
    let (x, dy, gamma, beta) = (values(count), values(count), values(WIDTH), values(WIDTH));
    let (mut y, mut moments) = (vec![0.0; count], vec![Moments::default(); ROWS]);
    let (mut gammas, mut betas) = (vec![0.0; WIDTH], vec![0.0; WIDTH]);
    let speed = |work: &str, run: &mut dyn FnMut()| {
        let (median, fastest) = time(run);
        println!(
            "{work:<32} {:>8.3} ms {:>7.3} ns a value (fastest {:.3})",
            1e3 * median,
            1e9 * median / count as f64,
            1e9 * fastest / count as f64
        );
    };
    speed(&format!("layer norm {ROWS} × {WIDTH}"), &mut || {
        layer_norm(&gamma, &beta, 1e-6, &x, &mut y, Some(&mut moments));
    });
    speed("  backward", &mut || {
        layer_norm_backward(&gamma, &x, &moments, &dy, &mut y, &mut gammas, &mut betas);
    });
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu] {
        speed(&format!("{activation:?}"), &mut || activation.forward(&x, &mut y));
    }
}

/// Work that is measured against a limit.
struct Share {
    operations: f64,
    /// Operations a second.
    limit: f64,
}

impl Share {
    fn print(&self, work: &str, mut run: impl FnMut()) {
        let (median, fastest) = time(&mut run);
        let rate = self.operations / median;
        println!(
            "{work:<32} {:>8.2} ms {:>7.3} TFLOP/s {:>5.1} % (fastest {:>5.1} %)",
            1e3 * median,
            rate / 1e12,
            100.0 * rate / self.limit,
            100.0 * self.operations / fastest / self.limit
        );
    }
}

/// Seconds: the median and the least.
fn time(run: &mut dyn FnMut()) -> (f64, f64) {
    run();
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    (seconds[RUNS / 2], seconds[0])
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
