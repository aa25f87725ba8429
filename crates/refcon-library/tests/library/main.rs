//! Libraries on disk: what was added is found again, whatever happens in between.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

mod compatibility;
mod damage;
mod fixtures;
mod indexing;
mod model;
mod store;
mod writers;
