//! `load`: many clients searching a large library at once, beside one client alone.
//!
//! The server runs as a program of its own, so that its memory can be told from that of the clients; only 127.0.0.1 is asked.

use crate::machine;
use crate::measure::median;
use crate::outcome::{Better, Outcome, Report};
use crate::{Failure, Settings};
use refcon_encoders::{Embeddings, Encoder, Texture};
use refcon_library::{Library, NewTile, Place, TileRecord, Wait};
use refcon_seismic::{Direction, Domain, SurveyOptions, TileBox};
use refcon_server::{Limits, ServerOptions, serve};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Tiles that are written at a time.
const TILES_A_COMMIT: usize = 50_000;
/// Clusters that the made-up embeddings lie around.
const CLUSTERS: usize = 1000;
/// Matches that each search asks for.
const MATCHES: usize = 20;
/// Searches of the client that is alone.
const ALONE: usize = 100;
/// Requests of all clients, at most, however long the time is.
const MOST_REQUESTS: u64 = 10_000_000;
/// What a search under load may take, as a multiple of one alone.
const ALLOWED: f64 = 20.0;
/// Times that the library is opened, and milliseconds that it may take.
const OPENED: usize = 7;
const MOST_TO_OPEN: f64 = 100.0;
/// How often the server's memory is looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// How much load, for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub tiles: usize,
    pub clients: usize,
    pub seconds: u64,
}

pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let Load { tiles, clients, seconds } = settings.load;
    let folder = settings.data.join(format!("load-{tiles}"));
    make_library(&folder, tiles, report)?;
    let opened = median(&mut (0..OPENED).map(|_| open(&folder)).collect::<Result<Vec<_>, _>>()?);
    let opened = (opened.ok_or("nothing was opened")?, "ms", Better::Lower);
    report.add(&Outcome::new(
        "opening the library, until a query can start",
        opened,
        "goal",
        Some(MOST_TO_OPEN),
    ))?;
    let server = ServerProcess::start(&folder)?;
    let mut client = Client::connect(server.address)?;
    for query in 0..ALONE as u64 / 4 {
        client.search(query, tiles)?;
    }
    let mut alone = Vec::with_capacity(ALONE);
    for query in 0..ALONE as u64 {
        let started = Instant::now();
        client.search(query, tiles)?;
        alone.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    alone.sort_by(f64::total_cmp);
    let before = server.memory();
    let outcome = press(&server, tiles, clients, Duration::from_secs(seconds));
    report.note(&format!(
        "{tiles} tiles, {clients} clients, {:.0} s, {} searches, {} errors{}",
        outcome.seconds,
        outcome.milliseconds.len(),
        outcome.errors,
        outcome.first_error.as_deref().map_or(String::new(), |error| format!(" (the first: {error})"))
    ));
    let one = percentile(&alone, 50.0);
    let names = ("one search at a time", "one search alone");
    let per_second = outcome.milliseconds.len() as f64 / outcome.seconds;
    let higher = (per_second, "/s", Better::Higher);
    report.add(&Outcome::new(
        format!("searches by {clients} clients"),
        higher,
        names.0,
        Some(1000.0 / one),
    ))?;
    for percent in [50.0, 95.0, 99.0] {
        let value = (percentile(&outcome.milliseconds, percent), "ms", Better::Lower);
        report.add(&Outcome::new(format!("time of a search, p{percent:.0}"), value, names.1, Some(one)))?;
    }
    let p99 = (percentile(&outcome.milliseconds, 99.0), "ms", Better::Lower);
    let allowed = format!("{ALLOWED} × one search alone");
    report.add(&Outcome::new("time of a search, p99", p99, allowed, Some(ALLOWED * one)))?;
    report.add(&Outcome::new("errors", (outcome.errors as f64, "", Better::Lower), "none", None))?;
    if let Some(before) = before {
        report.add(&Outcome::new("memory of its own before", (before, "MB", Better::Lower), "", None))?;
        tell_memory(&outcome.memory, report)?;
    }
    if outcome.errors > 0 {
        return Err(format!("{} of the searches failed", outcome.errors).into());
    }
    Ok(())
}

/// Whether the server's memory grows: as it was minute by minute, and how much of it each search of the second half has left behind. It
/// grows while its threads start and fill the caches that the system's allocator keeps for each, and must be level after that.
fn tell_memory(memory: &[Memory], report: &mut Report) -> Result<(), Failure> {
    const MINUTE: f64 = 60.0;
    let (Some(last), Some(half)) = (memory.last(), memory.get(memory.len() / 2)) else { return Ok(()) };
    let mut minutes = Vec::new();
    for now in memory {
        if now.seconds >= MINUTE * (minutes.len() + 1) as f64 {
            minutes.push(format!("{:.1}", now.megabytes));
        }
    }
    report.note(&format!("memory of its own after each minute, MB: {}", minutes.join(" ")));
    let most = |part: &[Memory]| part.iter().map(|now| now.megabytes).fold(0.0, f64::max);
    let (first, second) = memory.split_at(memory.len() / 2);
    let late = (most(second), "MB", Better::Lower);
    report.add(&Outcome::new(
        "memory of its own at most, second half",
        late,
        "first half",
        Some(most(first)),
    ))?;
    let searches = last.asked.saturating_sub(half.asked).max(1);
    let left = (last.megabytes - half.megabytes) * 1e6 / searches as f64;
    report.add(&Outcome::new(
        "memory left behind, second half",
        (left, "B/search", Better::Lower),
        "",
        None,
    ))?;
    Ok(())
}

/// Milliseconds until a query of the library could start.
fn open(folder: &Path) -> Result<f64, Failure> {
    let started = Instant::now();
    let tiles = Library::open(folder)?.snapshot()?.tiles(Texture::new().id())?;
    std::hint::black_box(tiles.corpus()?.rows());
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

/// What came of the load.
struct Pressed {
    seconds: f64,
    /// Sorted.
    milliseconds: Vec<f64>,
    errors: u64,
    first_error: Option<String>,
    /// The server's, second by second.
    memory: Vec<Memory>,
}

/// The server's memory at a moment.
struct Memory {
    /// Since the clients began.
    seconds: f64,
    /// Searches that were asked for until then.
    asked: u64,
    /// What it has of its own.
    megabytes: f64,
}

/// All clients at once, each asking again as soon as it is answered.
fn press(server: &ServerProcess, tiles: usize, clients: usize, time: Duration) -> Pressed {
    let asked = AtomicU64::new(0);
    let started = Instant::now();
    let until = started + time;
    let client = |number: usize| {
        let (mut times, mut errors) = (Vec::new(), Vec::new());
        let mut connection = Client::connect(server.address);
        while Instant::now() < until && asked.fetch_add(1, Ordering::Relaxed) < MOST_REQUESTS {
            let query = (number as u64) << 32 | times.len() as u64;
            let begun = Instant::now();
            let answered = match &mut connection {
                Ok(client) => client.search(query, tiles),
                Err(error) => Err(error.to_string().into()),
            };
            match answered {
                Ok(()) => times.push(begun.elapsed().as_secs_f64() * 1000.0),
                Err(error) => {
                    errors.push(error.to_string());
                    thread::sleep(Duration::from_millis(100));
                    connection = Client::connect(server.address);
                }
            }
        }
        (times, errors)
    };
    let (mut milliseconds, mut errors, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    thread::scope(|scope| {
        let client = &client;
        let asking: Vec<_> = (0..clients).map(|number| scope.spawn(move || client(number))).collect();
        while Instant::now() < until && !asking.iter().all(thread::ScopedJoinHandle::is_finished) {
            memory.extend(server.memory().map(|megabytes| Memory {
                seconds: started.elapsed().as_secs_f64(),
                asked: asked.load(Ordering::Relaxed),
                megabytes,
            }));
            thread::sleep(LOOKED_AT_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
        for client in asking {
            match client.join() {
                Ok((times, failed)) => {
                    milliseconds.extend(times);
                    errors.extend(failed);
                }
                Err(_) => errors.push("a client ended with a defect".to_owned()),
            }
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    milliseconds.sort_by(f64::total_cmp);
    Pressed {
        seconds,
        milliseconds,
        errors: errors.len() as u64,
        first_error: errors.into_iter().next(),
        memory,
    }
}

fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    sorted[(last as f64 * percent / 100.0).round() as usize]
}

/// A connection that stays open.
struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    /// Searches for what looks like a tile; which one follows from `query`.
    fn search(&mut self, query: u64, tiles: usize) -> Result<(), Failure> {
        let id = mixed(query) % tiles as u64;
        let body = format!(r#"{{"query":{{"kind":"tile","id":{id}}},"k":{MATCHES}}}"#);
        let request = format!(
            "POST /api/search HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut length = None;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let mut answer = vec![0; length.ok_or("an answer without a length")?];
        self.stream.read_exact(&mut answer)?;
        if !status.contains(" 200 ") {
            return Err(format!("{} {}", status.trim(), String::from_utf8_lossy(&answer)).into());
        }
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        let matches = answer["matches"].as_array().map_or(0, Vec::len);
        if matches == MATCHES { Ok(()) } else { Err(format!("{matches} matches, expected {MATCHES}").into()) }
    }
}

/// The server, a process of its own.
struct ServerProcess {
    child: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts this program again, as a server.
    fn start(library: &Path) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let mut child =
            Command::new(program).args(["load", "--serve"]).arg(library).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        match line.trim().parse::<SocketAddr>() {
            Ok(address) if address.ip() == Ipv4Addr::LOCALHOST => Ok(Self { child, address }),
            _ => {
                drop(child.kill());
                Err("the server did not start".into())
            }
        }
    }

    /// Memory of its own in MB.
    fn memory(&self) -> Option<f64> {
        machine::own_memory(self.child.id())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // What it serves is not changed by it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Serves a library until it is ended from outside; its address is the first line of its output.
pub(crate) fn serve_library(library: PathBuf) -> Result<(), Failure> {
    let options = ServerOptions {
        library,
        encoder: Arc::new(Texture::new()),
        calibration: None,
        survey_folders: Vec::new(),
        survey_options: |_| SurveyOptions::default(),
        runs: None,
        training: None,
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        token: None,
        allowed_hosts: Vec::new(),
        tls: None,
        limits: Limits::default(),
    };
    serve(options, |server| -> Result<(), Failure> {
        println!("{}", server.address());
        Ok(std::io::stdout().flush()?)
    })
}

/// A library of made-up embeddings around some centres, as tiles of a survey; kept for the next time.
fn make_library(folder: &Path, tiles: usize, report: &Report) -> Result<(), Failure> {
    let texture = Texture::new();
    if let Ok(library) = Library::open(folder)
        && library.snapshot()?.tiles(texture.id()).is_ok_and(|found| found.rows() == tiles)
    {
        return Ok(());
    }
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    report.note(&format!("making a library of {tiles} tiles in {}", folder.display()));
    fs_err::create_dir_all(folder)?;
    let library = Library::create(folder)?;
    let mut writer = library.writer(Wait::No)?;
    let dimension = texture.dimension();
    let centres: Vec<f32> = (0..(CLUSTERS * dimension) as u64).map(|at| spread(mixed(at ^ 0x9e37))).collect();
    for first in (0..tiles).step_by(TILES_A_COMMIT) {
        let part = first..tiles.min(first + TILES_A_COMMIT);
        let mut values = Vec::with_capacity(part.len() * dimension);
        for tile in part.clone() {
            let centre = &centres[mixed(tile as u64) as usize % CLUSTERS * dimension..][..dimension];
            let noise = |at: usize| 0.3 * spread(mixed((tile * dimension + at) as u64));
            values.extend(centre.iter().enumerate().map(|(at, value)| value + noise(at)));
        }
        let records = part.map(|tile| NewTile::from(record(tile))).collect();
        writer.append(records, &Embeddings::new(texture.id().clone(), dimension, values)?)?;
    }
    Ok(())
}

/// Tiles side by side on the inlines of a large survey.
fn record(tile: usize) -> TileRecord {
    const ACROSS: usize = 40;
    const DOWN: usize = 10;
    let (line, within) = (tile / (ACROSS * DOWN), tile % (ACROSS * DOWN));
    let bounds = TileBox {
        first_trace: within % ACROSS * 118,
        traces: 118,
        first_sample: within / ACROSS * 143,
        samples: 143,
    };
    let mut record = TileRecord::of_image("synthetic", "", 118, 143);
    let crosslines = [bounds.first_trace as i32, (bounds.first_trace + 117) as i32];
    record.place = Some(Place {
        direction: Direction::Inline,
        line: line as i32,
        bounds,
        inlines: [line as i32; 2],
        crosslines,
        range: [bounds.first_sample as f64 * 4.0, (bounds.first_sample + 142) as f64 * 4.0],
        domain: Domain::Time,
        corners: Some(crosslines.map(|crossline| [f64::from(crossline) * 12.5, line as f64 * 25.0])),
        grey: [-1.0, 1.0],
    });
    record
}

/// `SplitMix64` (Steele, Lea, Flood 2014): numbers that look drawn at random.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// −1 to 1.
fn spread(number: u64) -> f32 {
    (number >> 40) as f32 / (1 << 23) as f32 - 1.0
}
