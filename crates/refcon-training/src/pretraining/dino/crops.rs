//! Crops of tiles, as the model's input.

use super::config::DinoConfig;
use crate::error::TrainError;
use crate::pretraining::pool::{Place, SplitPool};
use crate::pretraining::views::random_view;
use crate::random::{Purpose, stream};
use burn::tensor::Tensor;
use rayon::prelude::*;
use refcon_encoders::Pretrained;
use refcon_image::GreyImage;
use std::ops::Range;

/// Crops of a batch's tiles: the first of each tile, then the second ones, and so on.
#[derive(Debug)]
pub(super) struct Crops {
    /// `[2 · tiles, channels, side, side]`
    pub(super) large: Tensor<4>,
    /// `[crops · tiles, channels, side, side]`
    pub(super) small: Option<Tensor<4>>,
}

impl Crops {
    /// Crops of these tiles in an epoch.
    pub(super) fn of(
        tiles: &[Place],
        epoch: u64,
        pool: &SplitPool,
        config: &DinoConfig,
        encoder: &Pretrained,
    ) -> Result<Self, TrainError> {
        let (views, local) = (&config.views, &config.local_crops);
        let side = encoder.architecture().image_size as u32;
        let of_tile = |&place: &Place| {
            let mut draw = stream(config.seed, Purpose::Augmentation, [epoch, pool.tile(place) as u64]);
            let tile = pool.read(place)?;
            let mut crops = |count: usize, scale, side| -> Vec<GreyImage> {
                (0..count).map(|_| random_view(views, &tile, scale, side, &mut draw)).collect()
            };
            Ok([crops(2, views.scale, side), crops(local.count, local.scale, local.size as u32)])
        };
        let of_tiles: Vec<_> = tiles.par_iter().map(of_tile).collect::<Result<_, TrainError>>()?;
        let in_order = |size: usize, count: usize| -> Vec<GreyImage> {
            (0..count).flat_map(|crop| of_tiles.iter().map(move |of| of[size][crop].clone())).collect()
        };
        Ok(Self {
            large: encoder.input(&in_order(0, 2)),
            small: (local.count > 0).then(|| encoder.input(&in_order(1, local.count))),
        })
    }
}

/// Two large crops of each of these held-out tiles, the same every time, without gradients: the first of each tile, then the second
/// ones, `[2 · tiles, channels, side, side]`.
pub(super) fn held_out_pairs(
    places: Range<usize>,
    pool: &SplitPool,
    config: &DinoConfig,
    encoder: &Pretrained,
) -> Result<Tensor<4>, TrainError> {
    let (views, side) = (&config.views, encoder.architecture().image_size as u32);
    let of_tile = |place: usize| {
        let mut draw = stream(config.seed, Purpose::HeldOutViews, [place as u64, 0]);
        let tile = pool.read(pool.held_out(place))?;
        Ok([(); 2].map(|()| random_view(views, &tile, views.scale, side, &mut draw)))
    };
    let pairs: Vec<[GreyImage; 2]> =
        places.into_par_iter().map(of_tile).collect::<Result<_, TrainError>>()?;
    let (first, second): (Vec<GreyImage>, Vec<GreyImage>) =
        pairs.into_iter().map(|[first, second]| (first, second)).unzip();
    Ok(encoder.input(&[first, second].concat()).inner())
}
