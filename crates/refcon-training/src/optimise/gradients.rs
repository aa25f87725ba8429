//! The gradients of a step, by the names of the weights.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients as Graph, Tensor};
use std::collections::BTreeMap;

/// Gradients of trained weights, summed over the batches of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gradients(pub BTreeMap<String, Vec<f32>>);

impl Gradients {
    /// Adds a batch's gradients, each times `weight`.
    pub fn add(&mut self, module: &impl Module, graph: &Graph, weight: f32) {
        module.visit(&mut Collector { path: Vec::new(), graph, weight, into: self });
    }

    /// The length of the whole gradient, in f64.
    #[must_use]
    pub fn norm(&self) -> f64 {
        let squares = |values: &Vec<f32>| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        self.0.values().map(squares).sum::<f64>().sqrt()
    }

    /// Shortens the gradient to `most`, where it is longer.
    pub fn clip(&mut self, norm: f64, most: f64) {
        if norm > most {
            let factor = (most / norm) as f32;
            self.0.values_mut().flatten().for_each(|value| *value *= factor);
        }
    }
}

struct Collector<'a> {
    path: Vec<String>,
    graph: &'a Graph,
    weight: f32,
    into: &'a mut Gradients,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            return;
        }
        let Some(gradient) = value.grad(self.graph) else { return };
        let weight = self.weight;
        let gradient: Vec<f32> = gradient.into_data().iter::<f32>().map(|value| value * weight).collect();
        match self.into.0.get_mut(&self.path.join(".")) {
            Some(sum) => sum.iter_mut().zip(&gradient).for_each(|(sum, value)| *sum += value),
            None => {
                self.into.0.insert(self.path.join("."), gradient);
            }
        }
    }
}
