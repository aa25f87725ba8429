//! The server as its clients see it: requests to the whole router, on a library of a small survey.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

mod documentation;
mod jobs;
mod labels;
mod network;
mod pages;
mod search;
mod security;
mod site;
mod surveys;
mod training;
