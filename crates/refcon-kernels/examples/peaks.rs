//! How close the kernels come to the machine's limit, on the shapes of a ViT-B/16 with 8 images of 224.
//!
//! `cargo run --release -p refcon-kernels --example peaks [TIER]`
//!
//! Products and attention are shown as a share of the register-only limit of their tier: of the limit in the time that passed, and
//! (on Linux) of the limit in the processor time that was used, which other programs disturb less.

use refcon_kernels::{
    Activation, Epilogue, HeadLayout, Heads, HeadsMut, Matrix, Moments, PackedWeights, Tier, attention,
    attention_backward, layer_norm, layer_norm_backward, multiply, peak, perceptron,
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
    let threads = rayon::current_num_threads();
    println!("{threads} threads, medians of {RUNS} runs; shares of the limit in time, and in processor time");
    for tier in tiers {
        let limit = peak(tier);
        println!("\n{tier}: limit {:.3} TFLOP/s", limit / 1e12);
        for (k, n) in [(WIDTH, WIDTH), (WIDTH, 3 * WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)] {
            products(tier, limit, k, n);
        }
        whole_perceptron(tier, limit);
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

fn whole_perceptron(tier: Tier, limit: f64) {
    let hidden = 4 * WIDTH;
    let (x, up, down) = (values(ROWS * WIDTH), values(WIDTH * hidden), values(hidden * WIDTH));
    let (up_bias, down_bias, residual) = (values(hidden), values(WIDTH), values(ROWS * WIDTH));
    let up = PackedWeights::pack(tier, Matrix::new(&up, WIDTH, hidden));
    let down = PackedWeights::pack(tier, Matrix::new(&down, hidden, WIDTH));
    let mut y = vec![0.0; ROWS * WIDTH];
    let epilogue = Epilogue { bias: Some(&down_bias), activation: None, residual: Some(&residual) };
    let share = Share { operations: 4.0 * (ROWS * WIDTH * hidden) as f64, limit };
    share.print("perceptron, with its residual", || {
        let x = Matrix::new(&x, ROWS, WIDTH);
        perceptron(x, &up, Some(&up_bias), Activation::Gelu, &down, &epilogue, &mut y);
    });
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
        let passed = time(run).passed;
        println!("{work:<32} {:>8.3} ms {:>7.3} ns a value", 1e3 * passed, 1e9 * passed / count as f64);
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
    /// Operations a second, of all threads.
    limit: f64,
}

impl Share {
    fn print(&self, work: &str, mut run: impl FnMut()) {
        let Times { passed, processor } = time(&mut run);
        let share = |seconds: f64| 100.0 * self.operations / seconds / self.limit;
        let of_processor = processor.map_or("–".to_owned(), |seconds| {
            format!("{:.1} %", share(seconds / rayon::current_num_threads() as f64))
        });
        println!(
            "{work:<32} {:>8.2} ms {:>7.3} TFLOP/s {:>6.1} % {of_processor:>8}",
            1e3 * passed,
            self.operations / passed / 1e12,
            share(passed),
        );
    }
}

/// Seconds, medians of all runs.
struct Times {
    passed: f64,
    /// Of all threads together, where the system tells.
    processor: Option<f64>,
}

fn time(run: &mut dyn FnMut()) -> Times {
    run();
    let (mut passed, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (start, used) = (Instant::now(), processor_seconds());
        run();
        passed.push(start.elapsed().as_secs_f64());
        processor.extend(used.zip(processor_seconds()).map(|(before, after)| after - before));
    }
    passed.sort_by(f64::total_cmp);
    processor.sort_by(f64::total_cmp);
    Times { passed: passed[RUNS / 2], processor: processor.get(RUNS / 2).copied() }
}

/// Processor time of this process so far: what Linux counts for each of its threads, in nanoseconds.
fn processor_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let counted = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += counted.split(' ').next()?.parse::<f64>().ok()?;
    }
    Some(1e-9 * nanoseconds)
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
