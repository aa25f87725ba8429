//! A module's trained weights by name.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A trained weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Length of each axis, as the module has it.
    pub shape: Vec<usize>,
    /// Its elements, row by row.
    pub values: Vec<f32>,
}

/// The trained weights of a module, by their place in it, such as `backbone.blocks.3.qkv.weight`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters(pub BTreeMap<String, Parameter>);

impl Parameters {
    /// The weights of a module that ask for gradients.
    #[must_use]
    pub fn of(module: &impl Module) -> Self {
        let mut reader = Reader::default();
        module.visit(&mut reader);
        reader.found
    }

    /// The module with these weights in it. Others stay as they are.
    #[must_use]
    pub fn put_into<M: Module>(&self, module: M) -> M {
        let copies = self.0.par_iter().map(|(name, parameter)| {
            (name.as_str(), TensorData::new(parameter.values.clone(), parameter.shape.clone()))
        });
        module.map(&mut Writer { path: Vec::new(), copies: copies.collect() })
    }

    /// How many numbers.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.values().map(|parameter| parameter.values.len()).sum()
    }
}

/// The module on a device with gradients, where only weights whose names `trains` accepts ask for any.
#[must_use]
pub fn prepared<M: Module>(module: M, trains: &dyn Fn(&str) -> bool) -> M {
    let module = module.train();
    module.map(&mut Chooser { path: Vec::new(), trains })
}

/// A tensor's elements, row by row; its own memory where nobody else holds it.
pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data();
    data.try_into_vec_as().unwrap_or_else(|error| panic!("reading the elements of a tensor: {error:?}"))
}

fn name(path: &[String]) -> String {
    path.join(".")
}

#[derive(Default)]
struct Reader {
    path: Vec<String>,
    found: Parameters,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_require_grad() {
            let shape = value.dims().to_vec();
            let parameter = Parameter { shape, values: values(value.inner()) };
            self.found.0.insert(name(&self.path), parameter);
        }
    }
}

struct Writer<'a> {
    path: Vec<String>,
    copies: BTreeMap<&'a str, TensorData>,
}

impl ModuleMapper for Writer<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(copy) = self.copies.remove(name(&self.path).as_str()) else { return param };
        let (id, old, mapper) = param.consume();
        let new = Tensor::from_data(copy, &old.device());
        let new = if old.is_require_grad() { new.require_grad() } else { new };
        Param::from_mapped_value(id, new, mapper)
    }
}

struct Chooser<'a> {
    path: Vec<String>,
    trains: &'a dyn Fn(&str) -> bool,
}

impl ModuleMapper for Chooser<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let trained = (self.trains)(&name(&self.path));
        param.set_require_grad(trained)
    }
}
