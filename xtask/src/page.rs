//! The page: its types, unit tests and build, and a journey through it in a real browser.

use crate::summary::Summary;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Oldest Node.js that the page's tools run on.
const NODE: [u32; 2] = [20, 19];
/// Names that Chromium goes by.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Says in `node_modules` which lock file it was installed from.
const INSTALLED: &str = ".installed";
/// Where the server of the journey is asked.
const ADDRESS: &str = "127.0.0.1:8479";
/// Where one is asked that wants a token, and the token.
const GUARDED: (&str, &str) = ("127.0.0.1:8480", "correct-horse-battery");
/// A server that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checks the page with npm, then goes through it in Chromium: on the mock server, and on `refcon serve`. What is missing is
/// installed where the system's packages can be; else the step is skipped with the reason.
pub(crate) fn page(root: &Path, summary: &mut Summary) {
    let web = root.join("web");
    if let Err(reason) = node().and_then(|()| packages(&web)) {
        return summary.skip(format!("the page, types, unit tests and browser: {reason}"));
    }
    let npm = |arguments: &[&str]| {
        let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
        command.current_dir(&web).args(arguments);
        command
    };
    summary.step(
        "the page: types, unit tests, committed build",
        npm(&["run", "check"]),
        "see npm's report above",
    );
    let browser = match browser() {
        Ok(browser) => browser,
        Err(reason) => return summary.skip(format!("the page in a browser: {reason}")),
    };
    let mut journey = npm(&["run", "browser"]);
    journey.env("CHROMIUM", &browser);
    summary.step(
        "the page in a browser, mock server",
        journey,
        "screenshots lie in web/tests/browser/screenshots",
    );
    match Server::start(root).and_then(|server| Ok((Server::start_guarded(root)?, server))) {
        Ok(_servers) => {
            let mut journey = npm(&["run", "browser"]);
            journey.env("CHROMIUM", &browser).env("REFCON_URL", format!("http://{ADDRESS}/"));
            journey
                .env("REFCON_GUARDED_URL", format!("http://{}/", GUARDED.0))
                .env("REFCON_TOKEN", GUARDED.1);
            summary.step(
                "the page in a browser, refcon serve",
                journey,
                "screenshots lie in web/tests/browser/screenshots",
            );
        }
        Err(problem) => summary.fail(format!("the page in a browser, refcon serve: {problem}")),
    }
}

/// Whether Node.js is there and new enough; installs it where it is not there at all.
fn node() -> Result<(), String> {
    let version = || {
        let output = Command::new("node").arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut numbers =
            text.trim().trim_start_matches('v').split('.').map_while(|number| number.parse().ok());
        Some([numbers.next()?, numbers.next()?])
    };
    if version().is_none() {
        install_with_apt(&["nodejs", "npm"])
            .map_err(|_| "there is no Node.js, and it could not be installed".to_owned())?;
    }
    match version() {
        Some(found) if found >= NODE => Ok(()),
        found => Err(format!("Node.js {}.{} or newer is needed, found {found:?}", NODE[0], NODE[1])),
    }
}

/// Installs the page's packages where they are not those of the lock file.
fn packages(web: &Path) -> Result<(), String> {
    let lock = std::fs::read_to_string(web.join("package-lock.json")).map_err(|error| error.to_string())?;
    let installed = web.join("node_modules").join(INSTALLED);
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == lock) {
        return Ok(());
    }
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(web).args(["ci", "--no-audit", "--no-fund"]);
    let status = npm.status().map_err(|error| format!("npm: {error}"))?;
    if !status.success() {
        return Err(format!("npm ci ended with {status}"));
    }
    std::fs::write(installed, lock).map_err(|error| error.to_string())
}

/// Chromium, installed where it is not there.
fn browser() -> Result<PathBuf, String> {
    if let Some(said) = std::env::var_os("CHROMIUM") {
        return Ok(said.into());
    }
    let found = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let places = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        places.into_iter().find(|place| place.is_file())
    };
    if found().is_none() {
        install_with_apt(&["chromium"])
            .map_err(|_| "there is no Chromium, and it could not be installed".to_owned())?;
    }
    found().ok_or_else(|| "there is no Chromium; CHROMIUM says where one is".into())
}

pub(crate) fn install_with_apt(packages: &[&str]) -> Result<(), String> {
    let run = |arguments: &[&str]| match Command::new("apt-get").args(arguments).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("apt-get ended with {status}")),
        Err(error) => Err(format!("apt-get: {error}")),
    };
    run(&["update", "-qq"])?;
    run(&[&["install", "-y", "-qq"], packages].concat())
}

/// `refcon serve` on a library of a synthetic survey, ended when dropped.
struct Server(Child);

impl Server {
    /// Makes the library, and serves it.
    fn start(root: &Path) -> Result<Self, String> {
        let mut build = crate::cargo(root, &["build", "--package", "refcon", "--locked"]);
        if !build.status().is_ok_and(|status| status.success()) {
            return Err("refcon does not build".into());
        }
        let (refcon, folder) = places(root);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
        }
        let surveys = folder.join("surveys");
        std::fs::create_dir_all(&surveys).map_err(|error| error.to_string())?;
        let survey = surveys.join("synthetic.sgy");
        let run = |command: &mut Command| match command.arg("--quiet").stdout(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{command:?} ended with {status}")),
            Err(error) => Err(format!("{command:?}: {error}")),
        };
        run(Command::new(&refcon).arg("synth").arg("-o").arg(&survey))?;
        run(Command::new(&refcon)
            .arg("index")
            .arg(&survey)
            .arg("--library")
            .arg(folder.join("library"))
            .arg("--thumbnails"))?;
        Self::serve(root, ADDRESS, None)
    }

    /// Serves the same library to those who know a token.
    fn start_guarded(root: &Path) -> Result<Self, String> {
        let (address, token) = GUARDED;
        Self::serve(root, address, Some(token))
    }

    fn serve(root: &Path, address: &str, token: Option<&str>) -> Result<Self, String> {
        let (refcon, folder) = places(root);
        let mut serve = Command::new(refcon);
        serve.arg("serve").args(["--library", "library", "--survey-folder", "surveys", "--runs", "runs"]);
        serve.args(["--bind", address]).current_dir(folder).stdout(Stdio::null());
        if let Some(token) = token {
            serve.env("REFCON_TOKEN", token);
        }
        let server = Self(serve.spawn().map_err(|error| error.to_string())?);
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            if began.elapsed() > PATIENCE {
                return Err(format!("refcon serve does not answer at {address}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }
}

/// The program, and the folder of what it serves.
fn places(root: &Path) -> (PathBuf, PathBuf) {
    let target = root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    (target.join("debug").join(format!("refcon{}", std::env::consts::EXE_SUFFIX)), target.join("page"))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to do where it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
