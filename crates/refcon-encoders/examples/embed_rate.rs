//! Images a second of a ViT with random weights: Burn's operations, the kernels in f32, and in the machine's fastest tier.
//!
//! `cargo run --release -p refcon-encoders --example embed_rate [base|large] [BATCH …] [FOLDER]`
//!
//! Writes a checkpoint to FOLDER (or one that is deleted), opens it three times and embeds images of 224 pixels: medians of runs
//! that take turns,
//! so that what else the machine does disturbs all alike, and the share of the register-only limit of each tier: in the time that
//! passed, and (on Linux) in the processor time that was used, which other programs disturb less. Also says what
//! memory opening took (on Linux) and how near the embeddings are.

use refcon_encoders::model::Architecture;
use refcon_encoders::{Encoder, Execution, Precision, Pretrained, device};
use refcon_image::GreyImage;
use refcon_kernels::{Tier, peak};
use serde_json::{Map, json};
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut large, mut batches, mut kept) = (false, Vec::new(), None);
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), argument.parse()) {
            ("base", _) => large = false,
            ("large", _) => large = true,
            (_, Ok(batch)) => batches.push(batch),
            (folder, Err(_)) => kept = Some(PathBuf::from(folder)),
        }
    }
    if batches.is_empty() {
        batches = vec![1, 8, 32];
    }
    let scratch = tempfile::tempdir()?;
    let folder = kept.unwrap_or_else(|| scratch.path().to_owned());
    let parameters = write_checkpoint(&folder, if large { (1024, 24, 16) } else { (768, 12, 12) })?;
    println!("{:.1} M parameters, {} threads", parameters as f64 / 1e6, rayon::current_num_threads());
    let mut models = Vec::new();
    let fastest = Precision::Auto.on(&device::cpu())?;
    for (name, execution) in
        [("Burn, f32", Execution::PLAIN), ("kernels, f32", Execution::F32), ("kernels, fastest", fastest)]
    {
        let before = start_of_memory();
        let model = Pretrained::open_on(&folder, None, &device::cpu(), execution)?;
        let name = format!("{name}: {}", model.tier());
        if let (Some(before), Some((now, most))) = (before, memory()) {
            let of_weights = |bytes: f64| (bytes - before) / (4 * parameters) as f64;
            println!(
                "{name}: holds {:.2} × its f32 weights, {:.2} × while opening",
                of_weights(now),
                of_weights(most)
            );
        }
        models.push((name, peak(Tier::named(model.tier())?), model));
    }

    let operations = operations(models[0].2.architecture());
    println!(
        "{:.2} GFLOP an image; medians of {RUNS}; shares of the limit in time, and in processor time",
        operations / 1e9
    );
    for batch in batches {
        let (mut seconds, mut processor) = (vec![Vec::new(); models.len()], vec![Vec::new(); models.len()]);
        let images = values(batch * 3 * 224 * 224, 0.5, 0.5);
        for _ in 0..RUNS {
            for (at, (_, _, model)) in models.iter().enumerate() {
                let images = images.clone();
                let (started, used) = (Instant::now(), processor_seconds());
                std::hint::black_box(model.embed_pixels(images, batch));
                seconds[at].push(started.elapsed().as_secs_f64());
                processor[at].extend(used.zip(processor_seconds()).map(|(before, after)| after - before));
            }
        }
        for (at, (name, limit, _)) in models.iter().enumerate() {
            let rate = batch as f64 / median(&mut seconds[at]).unwrap_or(f64::NAN);
            let share = |rate: f64| 100.0 * rate * operations / limit;
            let of_processor = median(&mut processor[at]).map_or("–".to_owned(), |seconds| {
                format!("{:.1} %", share((batch * rayon::current_num_threads()) as f64 / seconds))
            });
            println!(
                "batch {batch:>3}  {name:<30} {rate:>7.2} images/s {:>6.1} % {of_processor:>8}",
                share(rate)
            );
        }
    }

    let tile = |n: usize| GreyImage::new(118, 143, values(118 * 143, 0.5, 0.4 + 0.002 * n as f32));
    let tiles: Vec<GreyImage> = (0..32).map(tile).collect::<Result<_, _>>()?;
    let mut exact = Vec::new();
    for (name, _, model) in &models {
        let started = Instant::now();
        let embedded = model.embed(&tiles)?;
        let rate = tiles.len() as f64 / started.elapsed().as_secs_f64();
        if exact.is_empty() {
            exact.clone_from(&embedded);
        }
        let pairs = embedded.chunks(model.dimension()).zip(exact.chunks(model.dimension()));
        let cosine = pairs.map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
        println!(
            "tiles with preprocessing  {name:<32} {rate:>7.2} images/s; least cosine to the first {cosine:.6}"
        );
    }
    Ok(())
}

/// Multiplications and additions for one image, in products and attention.
fn operations(sizes: &Architecture) -> f64 {
    let (tokens, width) = (sizes.leading_tokens() + sizes.patches(), sizes.width);
    let weights = 4 * width * width + 2 * width * sizes.perceptron_width;
    let block = 2 * tokens * weights + 4 * tokens * tokens * width;
    let patch = 2 * sizes.patches() * sizes.channels * sizes.patch_size.pow(2) * width;
    (sizes.layers * block + patch) as f64
}

/// Writes a ViT by Transformers' names with patches of 16; returns the number of its parameters.
fn write_checkpoint(
    folder: &Path,
    (width, layers, heads): (usize, usize, usize),
) -> Result<usize, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut tensors: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.cls_token".into(), vec![1, 1, width]),
        ("embeddings.position_embeddings".into(), vec![1, 197, width]),
        ("embeddings.patch_embeddings.projection.weight".into(), vec![width, 3, 16, 16]),
        ("embeddings.patch_embeddings.projection.bias".into(), vec![width]),
    ];
    let mut layer = |name: &str, shape: &[usize]| {
        tensors.push((format!("{name}.weight"), shape.to_vec()));
        tensors.push((format!("{name}.bias"), vec![shape[0]]));
    };
    for block in 0..layers {
        let name = |part: &str| format!("encoder.layer.{block}.{part}");
        for part in ["attention.query", "attention.key", "attention.value", "output.dense"] {
            layer(&name(&format!("attention.{part}")), &[width, width]);
        }
        layer(&name("intermediate.dense"), &[4 * width, width]);
        layer(&name("output.dense"), &[width, 4 * width]);
        layer(&name("layernorm_before"), &[width]);
        layer(&name("layernorm_after"), &[width]);
    }
    layer("layernorm", &[width]);

    let (mut header, mut end) = (Map::new(), 0);
    for (name, shape) in &tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::to_vec(&header)?;
    let mut file = BufWriter::new(File::create(folder.join("model.safetensors"))?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for (name, shape) in &tensors {
        let norm = name.contains("layernorm") && name.ends_with("weight");
        let values = values(shape.iter().product(), if norm { 1.0 } else { 0.0 }, 0.06);
        file.write_all(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    file.flush()?;
    let config = json!({"model_type": "vit", "num_attention_heads": heads});
    fs::write(folder.join("config.json"), config.to_string())?;
    Ok(end / 4)
}

/// Numbers around `centre`, at most `spread` from it; the same for the same count.
fn values(count: usize, centre: f32, spread: f32) -> Vec<f32> {
    let mut state = count as u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        centre + spread * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    };
    (0..count).map(|_| next()).collect()
}

fn median(seconds: &mut [f64]) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

/// Processor time of this process so far: what Linux counts for each of its threads, in nanoseconds.
fn processor_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task").ok()? {
        let counted = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += counted.split(' ').next()?.parse::<f64>().ok()?;
    }
    Some(1e-9 * nanoseconds)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Forgets the most memory held so far; returns the bytes held now, where the system tells.
fn start_of_memory() -> Option<f64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(memory()?.0)
}

/// Bytes held now, and the most so far.
fn memory() -> Option<(f64, f64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| -> Option<f64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(1024.0 * line.split_whitespace().nth(1)?.parse::<f64>().ok()?)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}
