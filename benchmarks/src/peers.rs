//! Peers: the Python programs of `peers/`, each in an environment that is found or made here.
//!
//! A peer is a program that stays open and does one work a line of its standard input; it answers each with one JSON
//! object a line. So both sides of a comparison can take turns, and nothing is loaded between the runs.

use crate::Failure;
use crate::measure::Run;
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The folder of environments, where it is not the cache folder's.
const FOLDER_VARIABLE: &str = "REFCON_PEERS";
/// Libraries of Python start as many threads as these say.
const THREAD_VARIABLES: [&str; 5] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
];

/// A peer, running.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its name and version, as it says itself.
    name: String,
    /// The ways in which it can do each work, as it names them.
    works: HashMap<String, Vec<String>>,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What a peer says of itself first.
#[derive(Deserialize)]
struct Greeting {
    peer: String,
    works: HashMap<String, Vec<String>>,
}

/// What it says after a work.
#[derive(Deserialize)]
struct Answer {
    seconds: f64,
    check: f64,
}

impl Peer {
    /// Starts `peers/{name}.py` with `arguments`, in an environment with the packages of `peers/{name}.txt`.
    ///
    /// # Errors
    /// Why the peer cannot run here: no Python, no network to install its packages from, or what it says itself.
    pub(crate) fn start(name: &str, arguments: &[&OsStr], threads: usize) -> Result<Self, Failure> {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let python = environment(name, &programs.join(format!("{name}.txt")))?;
        let mut command = Command::new(python);
        command.arg(programs.join(format!("{name}.py"))).args(arguments);
        command.envs(THREAD_VARIABLES.map(|variable| (variable, threads.to_string())));
        // Its programs are read from the repository, which is to stay as it is.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("its output cannot be read")?);
        let mut peer = Self { name: name.to_owned(), works: HashMap::new(), child, input, output };
        let greeting: Greeting = peer.hear()?;
        (peer.name, peer.works) = (greeting.peer, greeting.works);
        Ok(peer)
    }

    /// Its name and version.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The ways in which it can do `work`, each to be run on its own.
    ///
    /// # Errors
    /// It does not know the work.
    pub(crate) fn ways(&self, work: &str) -> Result<Vec<String>, Failure> {
        let ways = self.works.get(work).cloned();
        ways.ok_or_else(|| format!("{} does not know the work {work}", self.name).into())
    }

    /// Has it do `work` once in this way.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn run(&mut self, work: &str, way: &str) -> Result<Run, Failure> {
        let input = self.input.as_mut().ok_or("its input is closed")?;
        writeln!(input, "{work}\t{way}").and_then(|()| input.flush())?;
        let Answer { seconds, check } = self.hear()?;
        Ok(Run { seconds, check })
    }

    fn hear<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            return Err(
                format!("the peer {} ended with {status}; what it said stands above", self.name).into()
            );
        }
        serde_json::from_str(&line)
            .map_err(|error| format!("the peer {} said {line:?}: {error}", self.name).into())
    }
}

impl Drop for Peer {
    /// Without input it ends by itself.
    fn drop(&mut self) {
        self.input = None;
        // Nothing is left to say where it does not.
        let _ = self.child.wait();
    }
}

/// The interpreter of the environment of peer `name`, made or brought up to date.
fn environment(name: &str, requirements: &Path) -> Result<PathBuf, Failure> {
    let folder = environments()?.join(name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.exists() {
        let system = if cfg!(windows) { "python" } else { "python3" };
        run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
    }
    let installed = folder.join("requirements.installed");
    let wanted = fs_err::read_to_string(requirements)?;
    if fs_err::read_to_string(&installed).ok().as_deref() != Some(&wanted) {
        eprintln!("installing what the peer {name} needs into {}", folder.display());
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements);
        run(&mut pip)?;
        fs_err::write(&installed, wanted)?;
    }
    Ok(python)
}

/// Where environments are kept, a folder each.
fn environments() -> Result<PathBuf, Failure> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable(FOLDER_VARIABLE) {
        return Ok(folder);
    }
    let cache = variable("XDG_CACHE_HOME").or_else(|| {
        if cfg!(windows) {
            variable("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            variable("HOME").map(|home| home.join("Library/Caches"))
        } else {
            variable("HOME").map(|home| home.join(".cache"))
        }
    });
    let cache = cache.ok_or_else(|| format!("no cache folder is known; say where in {FOLDER_VARIABLE}"))?;
    Ok(cache.join("refcon").join("peers"))
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let line = format!("{command:?}");
    // Standard output is for results.
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{line}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{line} ended with {}: {last}", output.status).into())
}
