//! What the figures were measured on.

use rayon::prelude::*;

/// One line: processor, cores, vector instructions, system.
pub(crate) fn describe(threads: usize) -> String {
    let model = cpu_model().unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let simd = simd_flags().join(" ");
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("machine: {model}, {cores} cores ({threads} threads used), {simd}; {system} {architecture}")
}

/// Bytes a second that all threads together read from memory, one after the other: the best of several passes over far more than the
/// caches hold.
pub(crate) fn read_bandwidth() -> f64 {
    const WORDS: usize = 1 << 26;
    const WORDS_A_PIECE: usize = 1 << 16;
    const PASSES: usize = 9;
    let memory: Vec<u64> = (0..WORDS as u64).collect();
    let pass = || {
        let start = std::time::Instant::now();
        let sum =
            memory.par_chunks(WORDS_A_PIECE).map(|words| words.iter().fold(0, |sum: u64, word| sum ^ word));
        std::hint::black_box(sum.reduce(|| 0, |one, other| one ^ other));
        start.elapsed().as_secs_f64()
    };
    let best = (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min);
    size_of_val(memory.as_slice()) as f64 / best
}

/// The processor's name as the system tells it; only Linux and macOS do so without a library.
fn cpu_model() -> Option<String> {
    if cfg!(target_os = "macos") {
        let output =
            std::process::Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
        return Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .filter(|name| !name.is_empty());
    }
    let info = fs_err::read_to_string("/proc/cpuinfo").ok()?;
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let model = field("model name")?;
    // Virtual machines often hide the model behind a family name.
    let numbers = field("cpu family").zip(field("model"));
    Some(
        numbers
            .map_or(model.clone(), |(family, number)| format!("{model} (family {family}, model {number})")),
    )
}

macro_rules! detected {
    ($detect:ident: $($flag:tt)+) => {
        [$(($flag, std::arch::$detect!($flag))),+]
    };
}

#[cfg(target_arch = "x86_64")]
fn simd_flags() -> Vec<&'static str> {
    let flags =
        detected!(is_x86_feature_detected: "avx2" "fma" "avx512f" "avx512bw" "avx512vnni" "avx512bf16");
    let mut flags: Vec<&str> = flags.into_iter().filter(|&(_, there)| there).map(|(flag, _)| flag).collect();
    // Not asked through the standard library, which does not know it in this version of Rust.
    let amx = fs_err::read_to_string("/proc/cpuinfo").is_ok_and(|info| info.contains(" amx_bf16"));
    flags.extend(amx.then_some("amx_bf16"));
    flags
}

#[cfg(target_arch = "aarch64")]
fn simd_flags() -> Vec<&'static str> {
    let flags = detected!(is_aarch64_feature_detected: "neon" "bf16" "i8mm" "sve");
    flags.into_iter().filter(|&(_, there)| there).map(|(flag, _)| flag).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd_flags() -> Vec<&'static str> {
    Vec::new()
}

/// Memory of a process's own in MB, without files that are mapped into it; Linux only.
pub(crate) fn own_memory(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: f64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(kilobytes / 1000.0)
}
