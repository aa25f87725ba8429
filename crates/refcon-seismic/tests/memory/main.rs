//! Files larger than memory, and what this process takes to read them: alone in a program of their own, so that no other
//! test's memory is measured.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

#[cfg(target_os = "linux")]
mod sparse;
