//! A step of masked autoencoding of a compact vision transformer, beside PyTorch.

use crate::measure::time;
use crate::outcome::Report;
use crate::sides::Sides;
use crate::{Failure, Settings, vit};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Distribution, Tensor};
use refcon_encoders::model::Architecture;
use refcon_encoders::optimiser::AdamW;
use refcon_encoders::{DecoderArchitecture, MaskedAutoencoder, device};
use refcon_training::pretraining::masked_autoencoder::{masked_errors, normalised, patches};

/// Tiles of a step.
const TILES: usize = 64;
const SIDE: usize = 224;
const PATCH: usize = 16;
/// Of the encoder and of the decoder.
const WIDTH: usize = 192;
const LAYERS: usize = 12;
const DECODER_LAYERS: usize = 4;
const SEED: u64 = 1;

/// Runs the comparison.
///
/// # Errors
/// The peer fails, or trained another number of parameters.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let peer = settings.peer("pytorch", &["pretrain-step".as_ref()], report);
    let mut sides = Sides { settings, report, peer, peer_name: "PyTorch" };
    let encoder = Architecture::vit([SIDE, PATCH], 1, WIDTH, LAYERS);
    let blocks = Architecture::vit([SIDE, PATCH], 1, WIDTH, DECODER_LAYERS);
    let decoder = DecoderArchitecture { blocks, encoder_width: WIDTH, normalised_patches: true };
    let all = encoder.patches();
    for (name, tier, execution) in vit::executions() {
        for seen in [all / 4, all - 1] {
            let device = device::cpu().autodiff();
            let execution = execution.for_training();
            let mut model = Some(MaskedAutoencoder::initial(&encoder, &decoder, SEED, &device, execution));
            let mut optimiser = AdamW::default().init();
            let images = Tensor::<4>::random([TILES, 1, SIDE, SIDE], Distribution::Default, &device);
            let noise = Tensor::<2>::random([TILES, all], Distribution::Default, &device);
            let mut step = || {
                let before = model.take().ok_or("a step did not end")?;
                let rebuilt = before.reconstruct(images.clone(), noise.clone(), seen);
                let target = normalised(patches(images.clone(), PATCH));
                let loss = masked_errors(rebuilt.patches, target, rebuilt.mask).mean();
                let gradients = GradientsParams::from_grads(loss.backward(), &before);
                let after = optimiser.step(1e-5, before, gradients);
                let trained = after.num_params();
                model = Some(after);
                // PyTorch keeps both sides' positions, which are not trained, apart from the parameters.
                Ok((trained - 2 * (1 + all) * WIDTH) as f64)
            };
            let key = if seen < all - 1 { name.to_owned() } else { format!("{name} all") };
            sides.compare_rates(
                &format!("masked autoencoder step, {TILES} tiles, {seen} of {all} patches seen, {name}"),
                &key,
                (TILES as f64, "tiles/s"),
                &mut || rayon::scope(|_| time(&mut step)),
                || Some(vit::least_seconds(tier, TILES as f64 * operations(seen, all))),
            )?;
        }
    }
    Ok(())
}

/// Operations of the matrix products of one tile, forward and backward.
fn operations(seen: usize, all: usize) -> f64 {
    let block = |tokens: usize| 2 * tokens * WIDTH * (12 * WIDTH + 2 * tokens);
    // All patches are embedded, which has no gradient but that of the weights.
    let embedding = 2 * all * PATCH * PATCH * WIDTH;
    let between = 2 * (seen + 1) * WIDTH * WIDTH + 2 * all * WIDTH * PATCH * PATCH;
    let products = LAYERS * block(seen + 1) + DECODER_LAYERS * block(all + 1) + between;
    (3 * products + 2 * embedding) as f64
}
