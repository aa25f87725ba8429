//! Attention of all heads, from queries, keys and values as one linear layer writes them.

use super::Values;
use super::memory::{keep, keep_values, memory};
use super::operand::{Operand, record, shaped, shaped_like, slice};
use crate::execution::Execution;
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use refcon_kernels::{HeadLayout, Heads, HeadsMut, Tier};

/// As [`crate::model::layers::attention`].
pub(in crate::model) fn attention(fused: &Tensor<3>, heads: usize, how: Execution) -> Option<Tensor<3>> {
    let tier = how.tier()?;
    let [batch, tokens, fused_width] = fused.dims();
    let sizes = [batch, tokens, heads, fused_width / 3 / heads];
    let fused = Operand::in_order(fused)?;
    Some(record(AttentionBackward, [Some(&fused)], |keeps| {
        let [q, k, v] = Heads::fused(fused.slice(), sizes);
        let mut attended = memory(batch * tokens * fused_width / 3);
        let mut log_sums = memory(batch * heads * tokens);
        let output = HeadsMut::new(&mut attended, output_layout(sizes));
        refcon_kernels::attention(tier, scale(sizes), q, k, v, output, &mut log_sums);
        let output = shaped(attended, [batch, tokens, fused_width / 3]);
        let log_sums = if keeps {
            log_sums
        } else {
            keep(log_sums);
            Vec::new()
        };
        let saved = Saved { tier, sizes, fused: fused.values.clone(), output: output.clone(), log_sums };
        (output, saved)
    }))
}

#[derive(Debug)]
struct AttentionBackward;

/// What the gradients of attention need.
#[derive(Debug, Clone)]
struct Saved {
    tier: Tier,
    /// Images, tokens, heads, width of a head.
    sizes: [usize; 4],
    fused: Values,
    output: Values,
    /// A logarithm a row of scores.
    log_sums: Vec<f32>,
}

impl Backward<Flex, 1> for AttentionBackward {
    type State = Saved;

    fn backward(self, operation: Ops<Saved, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let outer = gradients.consume::<Flex>(&operation.node).to_contiguous();
        let [Some(node)] = operation.parents else { return };
        let Saved { tier, sizes, fused, output, log_sums } = operation.state;
        let mut gradient = memory(slice(&fused).len());
        refcon_kernels::attention_backward(
            tier,
            scale(sizes),
            Heads::fused(slice(&fused), sizes),
            Heads::new(slice(&output), output_layout(sizes)),
            &log_sums,
            Heads::new(slice(&outer), output_layout(sizes)),
            HeadsMut::fused(&mut gradient, sizes),
        );
        gradients.register::<Flex>(node.id, shaped_like(gradient, &fused));
        keep(log_sums);
        [fused, output, outer].into_iter().for_each(keep_values);
    }
}

/// What scores are multiplied by.
fn scale([_, _, _, head_width]: [usize; 4]) -> f32 {
    1.0 / (head_width as f32).sqrt()
}

/// Heads side by side in each token's row.
fn output_layout([batch, tokens, heads, head_width]: [usize; 4]) -> HeadLayout {
    HeadLayout::by_token(batch, tokens, heads, head_width)
}
