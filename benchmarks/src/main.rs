//! Measures refcon beside the programs that people use for the same work today.
//!
//! `cargo run --release -p refcon-benchmarks -- NAME [--json]` runs one comparison; `benchmarks/README.md` says what each
//! of them compares. Both sides are measured in the same run, alternately, after a warm-up; values are medians.

mod embed;
mod gemm;
mod load;
mod machine;
mod measure;
mod outcome;
mod peers;
mod plot;
mod preprocess;
mod pretrain_step;
mod search;
mod search_cost;
mod segy;
mod sides;
mod survey_files;
mod tiles;
mod train_step;
mod vector_files;
mod vit;

use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;
use outcome::Report;
use peers::Peer;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// As the program `refcon` has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Why a comparison could not be made. Nothing is decided by its kind: it is only printed.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures refcon beside the programs that people use for the same work today.
#[derive(Debug, Parser)]
#[command(name = "refcon-benchmarks")]
struct Arguments {
    /// What to compare
    comparison: Comparison,

    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,

    /// Threads of both sides; a peer that cannot use so many uses what it can
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Runs of each side after the warm-up, of which the median is taken
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,

    /// Where the surveys are kept that are made for the comparisons [default: `target/benchmarks`]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,

    /// Samples of the survey for `segy`, in bytes of 4-byte floats, about
    #[arg(long, value_name = "GB", default_value_t = 2.0)]
    gigabytes: f64,

    /// Vectors of the larger corpus for `search` (the smaller one has a tenth of them), most vectors for `search-cost`
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10..))]
    vectors: u32,

    /// Where `search-cost` draws its figure, a PNG file
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,

    /// Only works whose name holds this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    only: String,

    /// Do without the peers
    #[arg(long)]
    no_peers: bool,

    /// Tiles of the library for `load`
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    tiles: u32,

    /// Clients of `load`
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    clients: u16,

    /// How long the clients of `load` ask
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// Serves a library, for `load`, which starts this program so
    #[arg(long, value_name = "LIBRARY", hide = true)]
    serve: Option<PathBuf>,
}

/// The comparisons there are, a file each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Comparison {
    /// Many clients searching at once, beside one alone
    Load,
    /// From PNG files to an encoder's input, beside torchvision
    Preprocess,
    /// Opening and reading SEG-Y, beside segyio and NumPy
    Segy,
    /// Cutting tiles into PNG files, beside the recipe in Python
    Tiles,
    /// Matrix products of a linear layer's shapes, beside PyTorch
    Gemm,
    /// Embedding with a ViT-B/16, beside PyTorch and the usual runtimes
    Embed,
    /// A step of triplet training of a ViT-B/16, beside PyTorch
    TrainStep,
    /// A step of masked autoencoding of a compact model, beside PyTorch
    PretrainStep,
    /// Exact search among vectors, beside FAISS's flat index
    Search,
    /// How the cost of an exact search grows with the number and the length of vectors; no peer
    SearchCost,
}

/// How every comparison is measured.
#[derive(Debug)]
pub(crate) struct Settings {
    pub threads: usize,
    pub runs: usize,
    /// Where surveys are kept between runs.
    pub data: PathBuf,
    pub gigabytes: f64,
    pub vectors: usize,
    /// Where a figure goes.
    pub figure: Option<PathBuf>,
    /// What the name of a work must hold to be measured.
    pub only: String,
    pub peers: bool,
    pub load: load::Load,
}

impl Settings {
    /// Starts a peer, and says which it is or why it could not be started.
    pub(crate) fn peer(&self, name: &str, arguments: &[&OsStr], report: &Report) -> Option<Peer> {
        if !self.peers {
            return None;
        }
        match Peer::start(name, arguments, self.threads) {
            Ok(peer) => {
                report.note(&format!("peer: {}", peer.name()));
                Some(peer)
            }
            Err(reason) => {
                report.note(&format!("peer: none, {name} could not run: {reason}"));
                None
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let threads = usize::from(arguments.threads);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let settings = Settings {
        threads,
        runs: usize::from(arguments.runs),
        data: arguments.data.clone().unwrap_or_else(default_data),
        gigabytes: arguments.gigabytes,
        vectors: arguments.vectors as usize,
        figure: arguments.figure.clone(),
        only: arguments.only.clone(),
        peers: !arguments.no_peers,
        load: load::Load {
            tiles: arguments.tiles as usize,
            clients: usize::from(arguments.clients),
            seconds: arguments.seconds,
        },
    };
    if let Some(library) = &arguments.serve {
        return load::serve_library(library.clone());
    }
    let mut report = Report::new(arguments.json);
    report.note(&machine::describe(threads));
    match arguments.comparison {
        Comparison::Load => load::compare(&settings, &mut report),
        Comparison::Preprocess => preprocess::compare(&settings, &mut report),
        Comparison::Segy => segy::compare(&settings, &mut report),
        Comparison::Tiles => tiles::compare(&settings, &mut report),
        Comparison::Gemm => gemm::compare(&settings, &mut report),
        Comparison::Embed => embed::compare(&settings, &mut report),
        Comparison::TrainStep => train_step::compare(&settings, &mut report),
        Comparison::PretrainStep => pretrain_step::compare(&settings, &mut report),
        Comparison::Search => search::compare(&settings, &mut report),
        Comparison::SearchCost => search_cost::measure(&settings, &mut report),
    }
}

/// Below cargo's target folder; this package lies in the workspace's root.
fn default_data() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.parent().unwrap_or(package);
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("benchmarks")
}
