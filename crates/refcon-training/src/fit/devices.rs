//! Data parallelism: a batch's share for every device, one loss.
//!
//! Each device gets a copy of the weights as a part of the step's graph, and what it makes of its share comes back to the first device
//! before the loss: so losses that compare all tiles of a batch see all of them, and the way back brings each device's part of the
//! gradient to the one set of weights, where the parts add up. A step is the step of one device, but for the order of its sums.

use crate::error::TrainError;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use refcon_encoders::{DeviceChoice, Execution, Precision, device_list};
use std::ops::Range;

/// The devices of a training's settings, at least one and without gradients, and what is computed there.
///
/// # Errors
/// When a device is not there, or cannot compute so.
pub(crate) fn open_devices(devices: &str, precision: &str) -> Result<(Vec<Device>, Execution), TrainError> {
    let setting = |key: &str, error: &dyn std::fmt::Display| TrainError::Setting(format!("{key}: {error}"));
    let chosen = device_list(devices).map_err(|error| setting("device", &error))?;
    let devices: Vec<Device> = chosen
        .into_iter()
        .map(DeviceChoice::open)
        .collect::<Result<_, _>>()
        .map_err(|error| setting("device", &error))?;
    let precision: Precision = precision.parse().map_err(|error| setting("precision", &error))?;
    let execution = precision.on(&devices[0]).map_err(|error| setting("precision", &error))?;
    Ok((devices, execution))
}

/// What `run` makes of a batch of `batch` rows, a share of them on each of `devices`; results in the rows' order, on the first device,
/// where `module` is. `run` gets the weights, its rows, and where it is to work.
pub fn over_devices<M: Module + Clone, const D: usize>(
    devices: &[Device],
    module: &M,
    batch: usize,
    run: impl Fn(&M, Range<usize>, &Device) -> Tensor<D>,
) -> Tensor<D> {
    let home = &devices[0];
    let mut parts = shares(batch, devices.len()).into_iter().zip(devices);
    let first = parts.next().map(|(share, _)| run(module, share, home));
    let others = parts.map(|(share, device)| {
        let copy = module.clone().map(&mut Copying { device });
        run(&copy, share, device).to_device(home)
    });
    let mut made: Vec<Tensor<D>> = first.into_iter().chain(others).collect();
    if made.len() == 1 { made.remove(0) } else { Tensor::cat(made, 0) }
}

/// Some rows of a tensor, on a device.
pub fn rows_on<const D: usize>(rows: &Tensor<D>, share: Range<usize>, device: &Device) -> Tensor<D> {
    let rows = if share.len() == rows.dims()[0] { rows.clone() } else { rows.clone().slice([share]) };
    rows.to_device(device)
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
