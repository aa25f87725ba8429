//! A step of triplet training, forward to optimiser, beside PyTorch.

use crate::measure::time;
use crate::outcome::Report;
use crate::sides::Sides;
use crate::{Failure, Settings, vit};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Distribution, Tensor};
use refcon_encoders::device;
use refcon_encoders::model::{Pooling, VisionTransformer};
use refcon_encoders::optimiser::AdamW;

/// Triplets of a step: three images each.
const TRIPLETS: usize = 4;

/// Margin of the loss.
const MARGIN: f32 = 1.0;

/// Runs the comparison.
///
/// # Errors
/// The peer fails, or trained another number of parameters.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let peer = settings.peer("pytorch", &["train-step".as_ref()], report);
    let mut sides = Sides { settings, report, peer, peer_name: "PyTorch" };
    let images = 3 * TRIPLETS;
    for (name, tier, execution) in vit::executions() {
        let device = device::cpu().autodiff();
        let mut model =
            Some(VisionTransformer::initial(&vit::architecture(), 1, &device, execution.for_training()));
        let mut optimiser = AdamW::default().init();
        let pixels = Tensor::<4>::random([images, 3, 224, 224], Distribution::Default, &device);
        let mut step = || {
            let before = model.take().ok_or("a step did not end")?;
            let embedded = before.embed(pixels.clone(), Pooling::Class);
            let gradients = GradientsParams::from_grads(triplet_loss(&embedded).backward(), &before);
            let after = optimiser.step(1e-5, before, gradients);
            let trained = after.num_params();
            model = Some(after);
            Ok(trained as f64)
        };
        // Every product but that with the images has two gradients, each a product of the same size.
        let [forward, embedding] = vit::operations();
        let operations = images as f64 * (3.0 * forward - embedding);
        sides.compare_rates(
            &format!("triplet step, {TRIPLETS} triplets, {name}"),
            name,
            (images as f64, "img/s"),
            &mut || rayon::scope(|_| time(&mut step)),
            || Some(vit::least_seconds(tier, operations)),
        )?;
    }
    Ok(())
}

/// The mean of max(0, margin + |a − p| − |a − n|), of rows that are anchors, then positives, then negatives.
fn triplet_loss(embedded: &Tensor<2>) -> Tensor<1> {
    let part = |at: usize| embedded.clone().narrow(0, at * TRIPLETS, TRIPLETS);
    let distance = |other: Tensor<2>| (part(0) - other).square().sum_dim(1).add_scalar(1e-12).sqrt();
    (distance(part(1)) - distance(part(2)) + MARGIN).clamp_min(0.0).mean()
}
