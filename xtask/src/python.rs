//! Interoperability tests: files that refcon writes, opened by the libraries that others use.

use crate::page::install_with_apt;
use crate::summary::Summary;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Made once, kept in cargo's target folder.
const ENVIRONMENT: &str = "interoperability-python";

/// Runs `tests/interoperability` with pytest, in a virtual environment of its own. Skipped, with the reason, where there is
/// no Python 3 or its packages cannot be installed.
pub(crate) fn interoperability(root: &Path, summary: &mut Summary) {
    let tests = root.join("tests/interoperability");
    let python = match environment(root, &tests.join("requirements.txt")) {
        Ok(python) => python,
        Err(reason) => return summary.skip(format!("interoperability with NumPy and segyio: {reason}")),
    };
    let mut build = crate::cargo(root, &["build", "--package", "refcon", "--locked"]);
    if !build.status().is_ok_and(|status| status.success()) {
        return summary.fail("interoperability: refcon does not build".into());
    }
    for (what, modules, requirements) in [
        ("exported encoders opened with Transformers", "torch, transformers", "transformers.txt (some GB)"),
        ("libraries opened with FAISS and PyArrow", "faiss, pyarrow", "library.txt"),
        ("runs opened with TensorBoard and wandb", "tensorboard, wandb", "tracking.txt (a minute)"),
    ] {
        let installed = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
        if !installed.is_ok_and(|output| output.status.success()) {
            summary.skip(format!(
                "{what}, not installed: pip install -r tests/interoperability/requirements-{requirements} into {}",
                python.display()
            ));
        }
    }
    let mut pytest = Command::new(&python);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(&tests);
    pytest.env("REFCON", target(root).join("debug").join(format!("refcon{}", std::env::consts::EXE_SUFFIX)));
    summary.step("interoperability with NumPy and segyio", pytest, "see pytest's report above");
}

/// The interpreter of the environment, made or brought up to date.
fn environment(root: &Path, requirements: &Path) -> Result<PathBuf, String> {
    let folder = target(root).join(ENVIRONMENT);
    let python = if cfg!(windows) { folder.join("Scripts/python.exe") } else { folder.join("bin/python") };
    if !python.exists()
        && let Err(problem) = make_environment(&folder)
    {
        // Debian and its kin keep `venv` in a package of its own.
        install_with_apt(&["python3", "python3-venv"]).map_err(|_| problem)?;
        make_environment(&folder)?;
    }
    let installed = folder.join("requirements.installed");
    let wanted = std::fs::read_to_string(requirements).map_err(|error| error.to_string())?;
    if std::fs::read_to_string(&installed).ok().as_deref() != Some(&wanted) {
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))?;
        std::fs::write(&installed, wanted).map_err(|error| error.to_string())?;
    }
    Ok(python)
}

/// Where cargo builds.
fn target(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn make_environment(folder: &Path) -> Result<(), String> {
    run(Command::new(if cfg!(windows) { "python" } else { "python3" })
        .args(["-m", "venv", "--clear"])
        .arg(folder))
}

fn run(command: &mut Command) -> Result<(), String> {
    let line = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{line} ended with {status}")),
        Err(error) => Err(format!("{line}: {error}")),
    }
}
