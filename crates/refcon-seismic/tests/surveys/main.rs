//! Surveys of every source, their statistics and their tiles.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

mod arrays;
mod export;
mod field_data;
mod fixtures;
mod images;
mod object_stores;
mod parts;
mod statistics;
mod tiling;
mod zarr;
