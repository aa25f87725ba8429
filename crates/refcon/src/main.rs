//! `refcon`: find the seismic tiles that look like the ones you show it.

mod commands;
mod dashboard;
mod destination;
mod embedding;
mod failure;
mod interruption;
mod labelled_tiles;
mod output;
mod section_picture;
mod survey;
mod tiling;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};
use failure::Failure;
use mimalloc::MiMalloc;
use output::Output;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Gives memory back while a server runs for days; the C library's keeps what each of its threads once had.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Words:
  tile       a rectangle of a seismic section, as a grey image
  query      a tile that shows what you look for
  corpus     the tiles to search in
  encoder    turns a tile into an embedding, a list of numbers; tiles that look alike get embeddings that lie close
  match      a tile of the corpus, with its distance to the query and a confidence from 0 to 1

First steps:
  refcon demo
  refcon predict --query MY_TILES --corpus ALL_TILES -o results.json --report report.html

Exit codes:
  0 done   1 failed   2 wrong usage   3 an input could not be used   4 an output could not be written
  5 a pipeline waits for you to look   130 interrupted before the end (a training that was stopped is kept, and is done: 0)

Nothing is downloaded and nothing leaves this machine.";

/// Reflection Connection: show it tiles of a seismic feature, and it finds the tiles that look like it.
#[derive(Debug, Parser)]
#[command(name = "refcon", version, styles = STYLES, after_long_help = AFTER_HELP, after_help = "More: refcon --help")]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Print the result as one JSON object on standard output, for scripts
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,

    /// Print no progress and only what went wrong
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    quiet: bool,

    /// Print plain lines only: no progress bars, and no dashboard of a training
    #[arg(long, global = true, help_heading = "Everywhere")]
    plain: bool,

    /// Say more about what is being done (-vv: still more); `RUST_LOG` sets it in detail
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    verbose: u8,

    /// Threads to use [default: one a core]
    #[arg(long, global = true, value_name = "N", help_heading = "Everywhere",
        value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(commands::demo::Demo),
    Duplicates(commands::duplicates::Duplicates),
    Embed(commands::embed::Embed),
    Encoder(commands::encoder::EncoderCommand),
    Encoders(commands::encoders::Encoders),
    Evaluate(Box<commands::evaluate::Evaluate>),
    Index(commands::index::Index),
    Info(commands::info::Info),
    Iterate(Box<commands::iterate::Iterate>),
    Library(commands::library::LibraryCommand),
    Pipeline(commands::pipeline::Pipeline),
    Predict(commands::predict::Predict),
    Pretrain(commands::pretrain::Pretrain),
    Runs(commands::runs::Runs),
    Score(commands::score::Score),
    Search(Box<commands::search::Search>),
    Serve(commands::serve::Serve),
    Show(commands::show::Show),
    Synth(commands::synth::Synth),
    Tile(commands::tile::Tile),
    Train(Box<commands::train::Train>),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr(arguments.quiet, arguments.verbose);
    let output = Output { json: arguments.json, quiet: arguments.quiet, plain: arguments.plain };
    let done = set_threads(arguments.threads).and_then(|()| match arguments.command {
        Command::Demo(demo) => demo.run(&output),
        Command::Duplicates(duplicates) => duplicates.run(&output),
        Command::Embed(embed) => embed.run(&output),
        Command::Encoder(encoder) => encoder.run(&output),
        Command::Encoders(encoders) => encoders.run(&output),
        Command::Evaluate(evaluate) => evaluate.run(&output),
        Command::Index(index) => index.run(&output),
        Command::Info(info) => info.run(&output),
        Command::Iterate(iterate) => iterate.run(&output),
        Command::Library(library) => library.run(&output),
        Command::Pipeline(pipeline) => pipeline.run(&output),
        Command::Predict(predict) => predict.run(&output),
        Command::Pretrain(pretrain) => pretrain.run(&output),
        Command::Runs(runs) => runs.run(&output),
        Command::Score(score) => score.run(&output),
        Command::Search(search) => search.run(&output),
        Command::Serve(serve) => serve.run(&output),
        Command::Show(show) => show.run(&output),
        Command::Synth(synth) => synth.run(&output),
        Command::Tile(tile) => tile.run(&output),
        Command::Train(train) => train.run(&output),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match failure {
                // Nothing went wrong.
                Failure::Waiting(_) => eprintln!("{failure}"),
                _ => eprintln!("error: {failure}"),
            }
            failure.exit_code()
        }
    }
}

fn set_threads(threads: Option<u16>) -> Result<(), Failure> {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global().map_err(Failure::other)
}

fn log_to_stderr(quiet: bool, verbose: u8) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info,refcon=debug",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| dashboard::Log)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}
