//! The program as its users run it: the real binary in a scratch folder.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

mod bad_input;
#[cfg(target_os = "linux")]
mod dashboard;
mod demo;
mod encoders;
mod evaluate;
mod index;
mod iterate;
mod library;
mod pipeline;
mod predict;
mod pretrain;
mod scratch;
mod search;
mod serve;
mod surveys;
mod train;
