//! Embedding images with a ViT-B/16, beside PyTorch, ONNX Runtime and `OpenVINO`.

use crate::measure::time;
use crate::outcome::Report;
use crate::sides::Sides;
use crate::{Failure, Settings, vit};
use burn::tensor::{Distribution, Tensor};
use refcon_encoders::device;
use refcon_encoders::model::{Pooling, VisionTransformer};

/// Images that go through the model together.
const BATCHES: [usize; 3] = [1, 8, 32];

/// Runs the comparison.
///
/// # Errors
/// A peer fails, or computed another number of values.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let threads = settings.threads.to_string();
    let peers = [("PyTorch", "pytorch", "embed"), ("ONNX Runtime, OpenVINO", "runtimes", threads.as_str())];
    for (peer_name, program, argument) in peers {
        let peer = settings.peer(program, &[argument.as_ref()], report);
        embed(&mut Sides { settings, report, peer, peer_name })?;
    }
    Ok(())
}

fn embed(sides: &mut Sides<'_>) -> Result<(), Failure> {
    let device = device::cpu();
    for (name, tier, execution) in vit::executions() {
        let model = VisionTransformer::initial(&vit::architecture(), 1, &device, execution);
        for batch in BATCHES {
            let images = Tensor::<4>::random([batch, 3, 224, 224], Distribution::Default, &device);
            let embed = || Ok(model.embed(images.clone(), Pooling::Class).into_data().num_elements() as f64);
            sides.compare_rates(
                &format!("embed, batch {batch}, {name}"),
                &format!("{name} {batch}"),
                (batch as f64, "img/s"),
                &mut || rayon::scope(|_| time(embed)),
                || Some(vit::least_seconds(tier, batch as f64 * vit::operations()[0])),
            )?;
        }
    }
    Ok(())
}
