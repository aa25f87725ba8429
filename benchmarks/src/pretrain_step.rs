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
use refcon_encoders::{DecoderArchitecture, Execution, MaskedAutoencoder, device};
use refcon_training::pretraining::masked_autoencoder::{masked_errors, normalised, patches};

/// Tiles of a step.
const TILES: usize = 64;
const PATCH: usize = 16;
/// Of the encoder.
const WIDTH: usize = 192;
const LAYERS: usize = 12;
const SEED: u64 = 1;

/// A masked autoencoder.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    side: usize,
    decoder_width: usize,
    decoder_layers: usize,
}

/// As the compact encoder was pretrained (`compact/mae.yml`), and at the side of most models. The peer has them too.
const MEASURED: [Sizes; 2] = [
    Sizes { side: 96, decoder_width: 128, decoder_layers: 2 },
    Sizes { side: 224, decoder_width: 192, decoder_layers: 4 },
];

/// Runs the comparison.
///
/// # Errors
/// The peer fails, or trained another number of parameters.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let peer = settings.peer("pytorch", &["pretrain-step".as_ref()], report);
    let mut sides = Sides { settings, report, peer, peer_name: "PyTorch" };
    for sizes in MEASURED {
        let all = sizes.encoder().patches();
        for (name, tier, execution) in vit::executions() {
            for seen in [all / 4, all - 1] {
                let Sizes { side, .. } = sizes;
                let mut step = sizes.training(seen, execution.for_training());
                sides.compare_rates(
                    &format!("masked autoencoder step, {TILES} tiles of {side}, {seen} of {all} patches seen, {name}"),
                    &format!("{name} {side} {seen}"),
                    (TILES as f64, "tiles/s"),
                    &mut || rayon::scope(|_| time(&mut step)),
                    || Some(vit::least_seconds(tier, TILES as f64 * sizes.operations(seen))),
                )?;
            }
        }
    }
    Ok(())
}

impl Sizes {
    fn encoder(self) -> Architecture {
        Architecture::vit([self.side, PATCH], 1, WIDTH, LAYERS)
    }

    fn decoder(self) -> DecoderArchitecture {
        let blocks = Architecture::vit([self.side, PATCH], 1, self.decoder_width, self.decoder_layers);
        DecoderArchitecture { blocks, encoder_width: WIDTH, normalised_patches: true }
    }

    /// A step of a training, again and again; it gives the number of parameters that were trained.
    fn training(self, seen: usize, execution: Execution) -> impl FnMut() -> Result<f64, Failure> {
        let (device, all) = (device::cpu().autodiff(), self.encoder().patches());
        let mut model =
            Some(MaskedAutoencoder::initial(&self.encoder(), &self.decoder(), SEED, &device, execution));
        let mut optimiser = AdamW::default().init();
        let images = Tensor::<4>::random([TILES, 1, self.side, self.side], Distribution::Default, &device);
        let noise = Tensor::<2>::random([TILES, all], Distribution::Default, &device);
        move || {
            let before = model.take().ok_or("a step did not end")?;
            let rebuilt = before.reconstruct(images.clone(), noise.clone(), seen);
            let target = normalised(patches(images.clone(), PATCH));
            let loss = masked_errors(rebuilt.patches, target, rebuilt.mask).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &before);
            let after = optimiser.step(1e-5, before, gradients);
            let trained = after.num_params();
            model = Some(after);
            // PyTorch keeps both sides' positions, which are not trained, apart from the parameters.
            Ok((trained - (1 + all) * (WIDTH + self.decoder_width)) as f64)
        }
    }

    /// Operations of the matrix products of one tile, forward and backward.
    fn operations(self, seen: usize) -> f64 {
        let all = self.encoder().patches();
        let block = |tokens: usize, width: usize| 2 * tokens * width * (12 * width + 2 * tokens);
        // Of the patches, only those that are seen are embedded, which has no gradient but that of the weights.
        let embedding = 2 * seen * PATCH * PATCH * WIDTH;
        let between =
            2 * (seen + 1) * WIDTH * self.decoder_width + 2 * all * self.decoder_width * PATCH * PATCH;
        let blocks =
            LAYERS * block(seen + 1, WIDTH) + self.decoder_layers * block(all + 1, self.decoder_width);
        (3 * (blocks + between) + 2 * embedding) as f64
    }
}
