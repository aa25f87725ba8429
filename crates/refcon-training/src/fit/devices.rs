//! Data parallelism: a batch's share for every device, one loss.
//!
//! Each device gets a copy of the weights as a part of the step's graph, and what it makes of its share comes back to the first device
//! before the loss: so losses that compare all tiles of a batch see all of them, and the way back brings each device's part of the
//! gradient to the one set of weights, where the parts add up. A step is the step of one device, but for the order of its sums.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use std::ops::Range;

/// What `run` makes of `images` (`[batch, channels, height, width]`), a share of the batch on each of `devices`; rows in their order, on
/// the device of `module`, which is the first one's.
pub fn over_devices<M: Module + Clone, const D: usize>(
    devices: &[Device],
    module: &M,
    images: Tensor<4>,
    run: impl Fn(&M, Tensor<4>) -> Tensor<D>,
) -> Tensor<D> {
    let home = images.device();
    let parts = shares(images.dims()[0], devices.len());
    if parts.len() < 2 {
        return run(module, images);
    }
    let made = parts.into_iter().zip(devices).enumerate().map(|(number, (share, device))| {
        let share = images.clone().slice([share]);
        if number == 0 {
            return run(module, share);
        }
        let copy = module.clone().map(&mut Copying { device });
        run(&copy, share.to_device(device)).to_device(&home)
    });
    Tensor::cat(made.collect(), 0)
}

/// A batch in parts of the same length, or one shorter than the first; none is empty.
fn shares(batch: usize, devices: usize) -> Vec<Range<usize>> {
    let parts = devices.clamp(1, batch.max(1));
    let start = |part: usize| part * (batch / parts) + part.min(batch % parts);
    (0..parts).map(|part| start(part)..start(part + 1)).collect()
}

/// Moves weights so that their gradients find the way back.
struct Copying<'a> {
    device: &'a Device,
}

impl ModuleMapper for Copying<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, weight, _) = param.consume();
        Param::initialized(id, weight.to_device(self.device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_a_batch_and_differ_by_one_at_most() {
        assert_eq!(shares(7, 3), [0..3, 3..5, 5..7]);
        assert_eq!(shares(2, 4), [0..1, 1..2]);
        for devices in [0, 1] {
            assert_eq!(shares(5, devices), vec![0..5; 1]);
        }
    }
}
