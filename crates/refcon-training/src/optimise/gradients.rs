//! The gradients of a step, by the names of the weights.

use super::parameters::values;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients as Graph, Tensor};
use rayon::prelude::*;
use refcon_encoders::optimiser::keep_memory;
use std::collections::BTreeMap;

/// Elements whose squares are added up one after the other, whatever the number of threads.
const BLOCK: usize = 1 << 14;

/// Running sums side by side: one alone would wait for each addition.
const SUMS: usize = 8;

/// Gradients of trained weights, summed over the batches of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gradients(pub BTreeMap<String, Vec<f32>>);

impl Gradients {
    /// Adds a batch's gradients, each times `weight`.
    pub fn add(&mut self, module: &impl Module, mut graph: Graph, weight: f32) {
        module.visit(&mut Collector { path: Vec::new(), graph: &mut graph, weight, into: self });
    }

    /// The length of the whole gradient, in f64.
    #[must_use]
    pub fn norm(&self) -> f64 {
        let blocks: Vec<&[f32]> = self.0.values().flat_map(|values| values.chunks(BLOCK)).collect();
        let squares: Vec<f64> = blocks.into_par_iter().map(sum_of_squares).collect();
        squares.iter().sum::<f64>().sqrt()
    }

    /// Shortens the gradient to `most`, where it is longer.
    pub fn clip(&mut self, norm: f64, most: f64) {
        if norm > most {
            let factor = (most / norm) as f32;
            self.0.par_iter_mut().for_each(|(_, values)| scale(values, factor));
        }
    }

    /// Gives the memory back for the gradients of the next step.
    pub fn used(self) {
        self.0.into_values().for_each(keep_memory);
    }
}

fn sum_of_squares(values: &[f32]) -> f64 {
    let mut sums = [0.0; SUMS];
    let (lanes, rest) = values.as_chunks::<SUMS>();
    for values in lanes {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += f64::from(value).powi(2);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>()
}

fn scale(values: &mut [f32], factor: f32) {
    values.iter_mut().for_each(|value| *value *= factor);
}

struct Collector<'a> {
    path: Vec<String>,
    graph: &'a mut Graph,
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
        let Some(gradient) = value.grad_remove(self.graph) else { return };
        let mut gradient = values(gradient);
        if self.weight != 1.0 {
            scale(&mut gradient, self.weight);
        }
        match self.into.0.get_mut(&self.path.join(".")) {
            Some(sum) => {
                sum.iter_mut().zip(&gradient).for_each(|(sum, value)| *sum += value);
                keep_memory(gradient);
            }
            None => {
                self.into.0.insert(self.path.join("."), gradient);
            }
        }
    }
}
