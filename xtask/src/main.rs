//! Developer commands. `cargo xtask test` runs everything that guards the repository:
//! formatting, lints, documentation, the tests of every crate, the interoperability tests in Python, and the page in a browser.
//!
//! Its last line says what ran and what was skipped: `N passed, N failed, N skipped`.

mod page;
mod python;
mod summary;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use summary::Summary;

const OTHER_PROCESSOR: &str = "aarch64-unknown-linux-gnu";

const USAGE: &str = "usage: cargo xtask test\n\n  test   formatting, lints, documentation, all tests; installs what they need into target/";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("test") => test(),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn test() -> ExitCode {
    let root = workspace_root();
    let mut summary = Summary::default();
    summary.step("formatting", cargo(&root, &["fmt", "--all", "--check"]), "run `cargo fmt --all`");
    summary.step(
        "lints",
        cargo(&root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
        "see the warnings above",
    );
    other_processor(&root, &mut summary);
    let mut documentation = cargo(&root, &["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    summary.step("documentation", documentation, "see the warnings above");
    let mut tests = cargo(&root, &["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests.args(["--", "--nocapture"]);
    summary.cargo_tests(tests);
    python::interoperability(&root, &mut summary);
    page::page(&root, &mut summary);
    summary.close()
}

/// The kernels hold code for one processor behind every other line: that they compile for another one is looked at, where its standard
/// library can be had.
fn other_processor(root: &Path, summary: &mut Summary) {
    let mut install = Command::new("rustup");
    install
        .current_dir(root)
        .args(["target", "add", OTHER_PROCESSOR])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if install.status().is_ok_and(|status| status.success()) {
        let check = ["check", "--package", "refcon-kernels", "--target", OTHER_PROCESSOR, "--locked"];
        summary.step("kernels on aarch64", cargo(root, &check), "see the errors above");
    } else {
        summary.skip(format!("kernels on aarch64: `rustup target add {OTHER_PROCESSOR}` does not work here"));
    }
}

/// This package lies in the workspace's root.
fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments);
    command
}
