//! Where the time of a training step goes: a triplet step of a ViT-B/16 with random weights.
//!
//! `cargo run --release -p refcon-encoders --example step_parts [TRIPLETS [STEPS]]`
//!
//! Forward, backward and optimiser in seconds, medians, for every precision that the machine has and for Burn's own operations; with
//! the processor time of both threads, which other programs disturb less.

use burn::optim::GradientsParams;
use burn::tensor::{Distribution, Tensor};
use refcon_encoders::model::{Architecture, Pooling, VisionTransformer};
use refcon_encoders::optimiser::AdamW;
use refcon_encoders::{Execution, device};
use refcon_kernels::Tier;
use std::time::Instant;

/// Margin of the triplet loss.
const MARGIN: f32 = 1.0;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let triplets = arguments.next().and_then(Result::ok).unwrap_or(4);
    let steps = arguments.next().and_then(Result::ok).unwrap_or(5);
    let mut executions: Vec<Execution> = Tier::here().into_iter().map(Execution::in_tier).collect();
    if std::env::var_os("PLAIN").is_some() {
        executions.push(Execution::PLAIN);
    }
    println!(
        "{triplets} triplets, medians of {steps} steps: seconds passed (processor seconds of all threads)"
    );
    for execution in executions {
        rayon::scope(|_| run(execution, triplets, steps));
    }
}

fn run(execution: Execution, triplets: usize, steps: usize) {
    let device = device::cpu().autodiff();
    let sizes = Architecture::vit([224, 16], 3, 768, 12);
    let mut model = VisionTransformer::initial(&sizes, 1, &device, execution.for_training());
    let mut optimiser = AdamW::default().init();
    let mut parts = [const { Vec::new() }; 3];
    let images = Tensor::<4>::random([3 * triplets, 3, 224, 224], Distribution::Default, &device);
    for step in 0..=steps {
        let clock = Clock::start();
        let embedded = model.embed(images.clone(), Pooling::Class);
        let loss = triplet_loss(&embedded, triplets);
        let forward = clock.passed();
        let clock = Clock::start();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let backward = clock.passed();
        let clock = Clock::start();
        model = optimiser.step(1e-5, model, gradients);
        let optimised = clock.passed();
        if step > 0 {
            for (part, times) in parts.iter_mut().zip([forward, backward, optimised]) {
                part.push(times);
            }
        }
    }
    let medians = parts.map(|mut times| {
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let passed = times[times.len() / 2].0;
        times.sort_by(|a, b| a.1.total_cmp(&b.1));
        (passed, times[times.len() / 2].1)
    });
    let total = medians.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let text = |(passed, processor): (f64, f64)| format!("{passed:.3} ({processor:.3})");
    println!(
        "{:<12} {}: forward {}, backward {}, optimiser {}, step {}",
        execution.name(),
        if execution == Execution::PLAIN { "Burn" } else { "kernels" },
        text(medians[0]),
        text(medians[1]),
        text(medians[2]),
        text(total),
    );
}

/// The mean of max(0, margin + |a − p| − |a − n|), of rows that are anchors, then positives, then negatives.
fn triplet_loss(embedded: &Tensor<2>, triplets: usize) -> Tensor<1> {
    let part = |at: usize| embedded.clone().narrow(0, at * triplets, triplets);
    let distance = |other: Tensor<2>| (part(0) - other).square().sum_dim(1).add_scalar(1e-12).sqrt();
    (distance(part(1)) - distance(part(2)) + MARGIN).clamp_min(0.0).mean()
}

struct Clock {
    start: Instant,
    used: f64,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now(), used: processor_seconds() }
    }

    fn passed(&self) -> (f64, f64) {
        (self.start.elapsed().as_secs_f64(), processor_seconds() - self.used)
    }
}

/// Processor time of this process so far, where the system tells: what Linux counts for each of its threads, in nanoseconds.
fn processor_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let counted = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    1e-9 * counted.sum::<f64>()
}
