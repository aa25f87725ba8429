//! SEG-Y files: written, spoilt in all the ways of the world, and read.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

mod delays;
mod field_data;
mod fixtures;
mod geometry;
mod headers;
mod index;
mod large;
mod properties;
mod revision2;
