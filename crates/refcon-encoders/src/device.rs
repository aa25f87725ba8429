//! Where a model runs, chosen as the program runs.
//!
//! | choice | runs on | needs |
//! |---|---|---|
//! | `cpu` | the processor | nothing |
//! | `gpu`, `gpu:1` | a graphics card of any make, through Vulkan or Metal | the cargo feature `gpu` and the card's driver |
//! | `cuda`, `cuda:1` | an NVIDIA card, through CUDA | the cargo feature `cuda` and NVIDIA's driver |
//! | `auto` | a graphics card where this build and machine have one, else the processor | nothing |

use burn::tensor::Device;
use std::fmt;
use std::str::FromStr;

/// Where a model is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A graphics card if there is one that this build can use, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card by number, through Vulkan or Metal.
    Gpu(usize),
    /// An NVIDIA card by number, through CUDA.
    Cuda(usize),
}

/// Why a model cannot run there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The choice is none.
    #[error("no device {0:?}: expected auto, cpu, gpu, gpu:N, cuda or cuda:N")]
    Unknown(String),
    /// This build has no code for the device.
    #[error(
        "device {choice}: this refcon was built without the cargo feature `{feature}`; build it with `--features {feature}`, or use --device cpu"
    )]
    NotBuilt {
        /// What was asked for.
        choice: DeviceChoice,
        /// The feature.
        feature: &'static str,
    },
    /// There is no such card, or no driver for it.
    #[error("device {choice}: found {found} {what}; is the driver installed? --device cpu works without")]
    Missing {
        /// What was asked for.
        choice: DeviceChoice,
        /// How many there are.
        found: usize,
        /// What was looked for.
        what: &'static str,
    },
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.into());
        let (kind, number) = match text.split_once(':') {
            Some((kind, number)) => (kind, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (kind, number) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("gpu", number) => Ok(Self::Gpu(number.unwrap_or(0))),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(number) => write!(f, "gpu:{number}"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceChoice {
    /// The device.
    ///
    /// # Errors
    /// When this build has no code for it, or the machine has no such card or no driver for it.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(cpu()),
            Self::Auto => Ok(Self::Cuda(0).open().or_else(|_| Self::Gpu(0).open()).unwrap_or_else(|_| cpu())),
            Self::Gpu(number) => gpu(self, number),
            Self::Cuda(number) => cuda(self, number),
        }
    }
}

/// The devices of a list such as `cuda:0,cuda:1`: at least one.
///
/// # Errors
/// When one of them is none that is known.
pub fn device_list(text: &str) -> Result<Vec<DeviceChoice>, DeviceError> {
    text.split(',').map(|device| device.trim().parse()).collect()
}

/// The processor.
#[must_use]
pub fn cpu() -> Device {
    Device::flex()
}

#[cfg(feature = "gpu")]
fn gpu(choice: DeviceChoice, number: usize) -> Result<Device, DeviceError> {
    numbered(choice, number, burn::tensor::DeviceType::Wgpu, "graphics cards through Vulkan or Metal")
}

#[cfg(not(feature = "gpu"))]
fn gpu(choice: DeviceChoice, _: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { choice, feature: "gpu" })
}

#[cfg(feature = "cuda")]
fn cuda(choice: DeviceChoice, number: usize) -> Result<Device, DeviceError> {
    numbered(choice, number, burn::tensor::DeviceType::Cuda, "cards through CUDA")
}

#[cfg(not(feature = "cuda"))]
fn cuda(choice: DeviceChoice, _: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { choice, feature: "cuda" })
}

#[cfg(any(feature = "gpu", feature = "cuda"))]
fn numbered(
    choice: DeviceChoice,
    number: usize,
    kind: burn::tensor::DeviceType,
    what: &'static str,
) -> Result<Device, DeviceError> {
    // Where a driver's library cannot be loaded, listing its cards panics.
    let listed = std::panic::catch_unwind(|| Device::enumerate(kind).into_iter().collect::<Vec<_>>());
    let devices = listed.unwrap_or_default();
    let found = devices.len();
    devices.into_iter().nth(number).ok_or(DeviceError::Missing { choice, found, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_it_is_printed() {
        for text in ["auto", "cpu", "gpu:0", "gpu:3", "cuda:1"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("gpu".parse(), Ok(DeviceChoice::Gpu(0)));
        for text in ["", "tpu", "gpu:", "gpu:-1", "cpu:0", "auto:1"] {
            assert_eq!(text.parse::<DeviceChoice>(), Err(DeviceError::Unknown(text.into())));
        }
        assert_eq!(device_list("gpu:0, gpu:1"), Ok(vec![DeviceChoice::Gpu(0), DeviceChoice::Gpu(1)]));
        assert_eq!(device_list("cpu,"), Err(DeviceError::Unknown(String::new())));
    }

    #[test]
    fn a_card_that_is_not_there_is_an_error_and_auto_still_finds_a_device() {
        let error = DeviceChoice::Gpu(1000).open().unwrap_err().to_string();
        assert!(error.contains("gpu:1000") && error.contains("--device cpu"), "{error}");
        DeviceChoice::Auto.open().unwrap();
        DeviceChoice::Cpu.open().unwrap();
    }
}
