//! Developer commands. `cargo xtask test` runs everything that guards the repository:
//! formatting, lints, documentation, the tests of every crate, the interoperability tests in Python, and the page in a browser.
//!
//! Its last line says what ran and what was skipped: `N passed, N failed, N skipped`.

mod page;
mod python;
mod summary;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use summary::Summary;

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
