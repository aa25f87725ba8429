//! One file a command.

pub(crate) mod demo;
pub(crate) mod duplicates;
pub(crate) mod embed;
pub(crate) mod encoder;
pub(crate) mod encoders;
pub(crate) mod evaluate;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod iterate;
pub(crate) mod library;
pub(crate) mod pipeline;
pub(crate) mod predict;
pub(crate) mod pretrain;
pub(crate) mod runs;
pub(crate) mod score;
pub(crate) mod search;
pub(crate) mod serve;
mod settings;
pub(crate) mod show;
pub(crate) mod synth;
pub(crate) mod tile;
pub(crate) mod train;
