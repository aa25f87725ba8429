//! What ran, what failed, what was skipped.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

/// A test says so in a line that begins like this when it cannot run here.
const SKIPPED: &str = "skipped: ";

/// Counts over all steps.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    passed: usize,
    failed: usize,
    /// Why something was skipped, a line each.
    skipped: Vec<String>,
    problems: Vec<String>,
}

impl Summary {
    /// A step that passes or fails as a whole.
    pub(crate) fn step(&mut self, name: &str, mut command: Command, advice: &str) {
        eprintln!("\n── {name}");
        match command.status() {
            Ok(status) if status.success() => self.passed += 1,
            Ok(_) => self.fail(format!("{name}: {advice}")),
            Err(error) => self.fail(format!("{name}: cannot run {:?}: {error}", command.get_program())),
        }
    }

    /// A step that could not run here.
    pub(crate) fn skip(&mut self, reason: String) {
        self.skipped.push(reason);
    }

    /// A step that failed.
    pub(crate) fn fail(&mut self, problem: String) {
        self.failed += 1;
        self.problems.push(problem);
    }

    /// Runs `cargo test` and counts what its test programs report. A test that prints a line of `skipped: …` has not run,
    /// though the test program counts it as passed.
    pub(crate) fn cargo_tests(&mut self, mut command: Command) {
        eprintln!("\n── tests");
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => return self.fail(format!("tests: cannot run cargo: {error}")),
        };
        let failed_before = self.failed;
        let skipped_before = self.skipped.len();
        for line in
            child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok)
        {
            println!("{line}");
            self.count(&line);
        }
        // Skipped tests are reported as passed by their test programs.
        self.passed = self.passed.saturating_sub(self.skipped.len() - skipped_before);
        let ended_well = child.wait().is_ok_and(|status| status.success());
        if !ended_well && self.failed == failed_before {
            self.fail("tests: cargo test failed before or beside the tests, see above".into());
        }
    }

    fn count(&mut self, line: &str) {
        if let Some(at) = line.find(SKIPPED) {
            self.skipped.push(line[at + SKIPPED.len()..].to_owned());
        }
        // test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number_before = |word: &str| -> usize {
            let before = result.split(word).next().unwrap_or_default();
            before.split_whitespace().last().and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        self.passed += number_before(" passed");
        let failed = number_before(" failed");
        self.failed += failed;
        if failed > 0 {
            self.problems.push(format!("tests: {failed} of a test program failed, see above"));
        }
    }

    /// Prints problems and skipped tests, and as the last line the counts.
    pub(crate) fn close(self) -> ExitCode {
        println!();
        for problem in &self.problems {
            println!("FAILED   {problem}");
        }
        for reason in &self.skipped {
            println!("skipped  {reason}");
        }
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped.len());
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_test_programs_are_added_up() {
        let mut summary = Summary::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test a ... skipped: no field data here",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            summary.count(line);
        }
        assert_eq!((summary.passed, summary.failed), (15, 2));
        assert_eq!(summary.skipped, ["no field data here"]);
    }
}
