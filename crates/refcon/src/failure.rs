//! Why a command failed, and the exit code that says so to scripts.

use refcon_training::fit::INTERRUPTED;
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
    /// It goes on once a person has looked (exit code 5).
    Waiting(String),
    /// It was asked to stop before its end (exit code 130, as a shell has it).
    Interrupted(String),
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

    /// Says of an interruption how to go on; other failures stay what they are.
    pub(crate) fn or_go_on(self, how: impl Display) -> Self {
        match self {
            Self::Interrupted(problem) => Self::Interrupted(format!("{problem}; {how} goes on")),
            other => other,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::Input(_) => 3,
            Self::Output(_) => 4,
            Self::Waiting(_) => 5,
            Self::Interrupted(_) => INTERRUPTED,
        })
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(problem)
        | Self::Input(problem)
        | Self::Output(problem)
        | Self::Waiting(problem)
        | Self::Interrupted(problem)
        | Self::Other(problem)) = self;
        f.write_str(problem)
    }
}
