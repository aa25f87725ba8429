//! Why a command failed, and the exit code that says so to scripts.

use std::fmt::{self, Display};
use std::process::ExitCode;

/// A command's failure: one line for people, a code for scripts.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Wrong usage that only shows once the command looks at its arguments together (exit code 2).
    Usage(String),
    /// Something that was given cannot be used (exit code 3).
    Input(String),
    /// A result cannot be written (exit code 4).
    Output(String),
    /// Anything else (exit code 1).
    Other(String),
}

impl Failure {
    pub(crate) fn usage(problem: impl Display) -> Self {
        Self::Usage(problem.to_string())
    }

    pub(crate) fn input(problem: impl Display) -> Self {
        Self::Input(problem.to_string())
    }

    pub(crate) fn output(problem: impl Display) -> Self {
        Self::Output(problem.to_string())
    }

    pub(crate) fn other(problem: impl Display) -> Self {
        Self::Other(problem.to_string())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::Input(_) => 3,
            Self::Output(_) => 4,
        })
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(problem) | Self::Input(problem) | Self::Output(problem) | Self::Other(problem)) =
            self;
        f.write_str(problem)
    }
}
