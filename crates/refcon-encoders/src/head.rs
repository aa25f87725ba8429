//! What stands on top of an encoder: linear layers that were trained on its embeddings.
//!
//! A head lies in the encoder's folder as `head.safetensors` (`layers.0.weight` `[outputs, inputs]`, `layers.0.bias`, …), and
//! `refcon-encoder.json` says so. With no more than one layer it is a linear map of the embedding; with two, a perceptron
//! (Chen et al., arXiv 2002.05709).

use crate::checkpoint::{Checkpoint, CheckpointError, Expected};
use crate::execution::Execution;
use crate::model::Activation;
use crate::model::layers::{self, Linear};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file of a head's weights, in the encoder's folder.
pub(crate) const HEAD_FILE: &str = "head.safetensors";

/// What `refcon-encoder.json` says about a head; its sizes stand in its weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadFile {
    /// Whether the embedding is added to the last layer's output.
    pub residual: bool,
    /// Hash of the encoder that the head was trained on ([`crate::EncoderId::hash`]); none where that encoder's weights lie in the
    /// same folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
}

/// The sizes of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSizes {
    /// Components of the embedding that goes in.
    pub inputs: usize,
    /// Units of each layer, the last one's being the components that come out.
    pub layers: Vec<usize>,
    /// Whether the embedding is added to the last layer's output, which then is as long as it.
    pub residual: bool,
}

impl HeadSizes {
    /// Says what does not fit together, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match self.layers.last() {
            None => Some("a head has no layer, expected at least one".into()),
            Some(_) if self.inputs == 0 || self.layers.contains(&0) => Some("a layer has no units".into()),
            Some(outputs) if self.residual && *outputs != self.inputs => Some(format!(
                "a residual head gives {outputs} components for an embedding of {}, expected as many",
                self.inputs
            )),
            Some(_) => None,
        }
    }

    /// Inputs and outputs of each layer.
    fn shapes(&self) -> impl Iterator<Item = [usize; 2]> {
        std::iter::once(&self.inputs)
            .chain(&self.layers)
            .zip(&self.layers)
            .map(|(&inputs, &outputs)| [inputs, outputs])
    }
}

/// A head: linear layers with GELU between them. Over a module it trains as any other.
#[derive(Module, Debug)]
pub struct Head {
    layers: Vec<Linear>,
    residual: bool,
    #[module(skip)]
    execution: Execution,
}

impl Head {
    /// A head from the weights of its layers, each `[outputs, inputs]` row by row and a bias a unit.
    ///
    /// # Errors
    /// When the sizes do not fit together, or a layer's weights are not as many as its sizes say.
    pub fn new(
        sizes: &HeadSizes,
        layers: Vec<(Vec<f32>, Vec<f32>)>,
        device: &Device,
    ) -> Result<Self, String> {
        if let Some(problem) = sizes.problem() {
            return Err(problem);
        }
        if layers.len() != sizes.layers.len() {
            return Err(format!("{} layers of weights, expected {}", layers.len(), sizes.layers.len()));
        }
        let made = sizes.shapes().zip(layers).map(|([inputs, outputs], (weight, bias))| {
            if weight.len() != inputs * outputs || bias.len() != outputs {
                return Err(format!(
                    "a layer of {} weights and {} biases, expected {outputs} × {inputs} and {outputs}",
                    weight.len(),
                    bias.len()
                ));
            }
            let weight = Tensor::from_data(TensorData::new(weight, [outputs, inputs]), device);
            Ok(Linear::new(weight, Some(Tensor::from_data(TensorData::new(bias, [outputs]), device))))
        });
        let layers = made.collect::<Result<_, _>>()?;
        Ok(Self { layers, residual: sizes.residual, execution: Execution::F32 })
    }

    /// The same, computed otherwise than in f32.
    #[must_use]
    pub fn computed_by(self, execution: Execution) -> Self {
        Self { execution, ..self }
    }

    /// What computes it.
    #[must_use]
    pub fn execution(&self) -> Execution {
        self.execution
    }

    /// The head of an encoder's folder.
    ///
    /// # Errors
    /// When its file is missing, damaged, or holds other tensors than a head's.
    pub(crate) fn open(folder: &Path, said: &HeadFile, device: &Device) -> Result<Self, CheckpointError> {
        let mut file = Checkpoint::open(&folder.join(HEAD_FILE))?;
        let count = file.tensors().keys().filter(|name| name.ends_with(".weight")).count();
        let shape = |layer: usize| file.shape(&format!("layers.{layer}.weight")).unwrap_or_default().to_vec();
        let axis = |layer: usize, axis: usize| shape(layer).get(axis).copied().unwrap_or(0);
        let sizes = HeadSizes {
            inputs: axis(0, 1),
            layers: (0..count).map(|layer| axis(layer, 0)).collect(),
            residual: said.residual,
        };
        file.check(&expected(&sizes), |_| false)?;
        let mut layers = Vec::with_capacity(count);
        for layer in 0..count {
            let weight = file.read(&format!("layers.{layer}.weight"))?;
            layers.push((weight, file.read(&format!("layers.{layer}.bias"))?));
        }
        Self::new(&sizes, layers, device).map_err(|problem| CheckpointError::config(file.path(), problem))
    }

    /// Its sizes.
    #[must_use]
    pub fn sizes(&self) -> HeadSizes {
        let inputs = self.layers.first().map_or(0, |layer| layer.shape()[0]);
        let layers = self.layers.iter().map(|layer| layer.shape()[1]).collect();
        HeadSizes { inputs, layers, residual: self.residual }
    }

    /// Components that come out.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.shape()[1])
    }

    /// `[batch, inputs]` → `[batch, outputs]`
    #[must_use]
    pub fn forward(&self, embeddings: Tensor<2>) -> Tensor<2> {
        let mut output = embeddings.clone();
        for (number, layer) in self.layers.iter().enumerate() {
            output = match number {
                0 => layers::linear(layer, output, self.execution),
                _ => layers::activated_linear(layer, Activation::Gelu, output, self.execution),
            };
        }
        if self.residual { output + embeddings } else { output }
    }

    /// Its tensors as its file has them: name, shape and elements.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let mut tensors = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let [inputs, outputs] = layer.shape();
            let elements = |values: Option<Vec<f32>>| values.unwrap_or_default();
            let weight = layer.weight().map(|weight| weight.into_data().iter::<f32>().collect());
            let bias = layer.bias().map(|bias| bias.into_data().iter::<f32>().collect());
            tensors.push((format!("layers.{number}.weight"), vec![outputs, inputs], elements(weight)));
            tensors.push((format!("layers.{number}.bias"), vec![outputs], elements(bias)));
        }
        tensors
    }
}

fn expected(sizes: &HeadSizes) -> Vec<Expected> {
    let layers = sizes.shapes().enumerate().flat_map(|(number, [inputs, outputs])| {
        let name = |part: &str| format!("layers.{number}.{part}");
        [
            Expected { name: name("weight"), shape: vec![outputs, inputs] },
            Expected { name: name("bias"), shape: vec![outputs] },
        ]
    });
    layers.collect()
}
