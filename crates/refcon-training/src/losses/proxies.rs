//! Losses against learned points, one or several a class.

use super::{ClassMasks, log_sum_exp, unit};
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

/// Least square of a sine: at an angle of zero the root has no slope.
const LEAST_SINE: f32 = 1e-12;

/// `ProxyAnchor`, `1/|P⁺| · Σ_{p ∈ P⁺} ln(1 + Σ₊ e^(−α(s − δ))) + 1/|P| · Σ_p ln(1 + Σ₋ e^(α(s + δ)))` with one proxy a class
/// (Kim et al., arXiv 2003.13911).
///
/// - `embeddings`: `[batch, components]`
/// - `proxies`: `[classes, components]`
/// - returns `[1]`
#[must_use]
pub fn proxy_anchor(
    embeddings: Tensor<2>,
    proxies: Tensor<2>,
    masks: &ClassMasks,
    margin: f64,
    alpha: f64,
) -> Tensor<1> {
    let cosines = unit(proxies).matmul(unit(embeddings).transpose());
    let positive = masks.of_class.clone().transpose();
    let negative = positive.clone().neg().add_scalar(1.0);
    let classes = cosines.dims()[0] as f64;
    let near = log_sum_exp(cosines.clone().sub_scalar(margin).mul_scalar(-alpha), &positive, true).sum();
    let far = log_sum_exp(cosines.add_scalar(margin).mul_scalar(alpha), &negative, true).sum();
    near.div_scalar(masks.present.max(1) as f64) + far.div_scalar(classes)
}

/// Sub-centre `ArcFace`: the cross-entropy of `scale · cos θ`, with `scale · cos(θ + margin)` for the tile's own class; θ is the angle to
/// the nearest of a class's centres (Deng et al., ECCV 2020, on arXiv 1801.07698). Beyond `π − margin` the loss goes on falling as
/// `cos θ − margin · sin margin`.
///
/// - `embeddings`: `[batch, components]`
/// - `centres`: `[classes · sub_centres, components]`, the centres of a class one after the other
/// - `margin`: radians
/// - returns `[1]`
#[must_use]
pub fn sub_centre_arcface(
    embeddings: Tensor<2>,
    centres: Tensor<2>,
    masks: &ClassMasks,
    margin: f64,
    scale: f64,
) -> Tensor<1> {
    let [batch, classes] = masks.of_class.dims();
    let sub_centres = centres.dims()[0] / classes;
    let cosines = unit(embeddings).matmul(unit(centres).transpose());
    let cosines = cosines.reshape([batch, classes, sub_centres]).max_dim(2).reshape([batch, classes]);
    let sines = cosines.clone().square().neg().add_scalar(1.0).clamp_min(LEAST_SINE).sqrt();
    let turned = cosines.clone().mul_scalar(margin.cos()) - sines.mul_scalar(margin.sin());
    let beyond = cosines.clone().lower_scalar(-margin.cos());
    let turned = turned.mask_where(beyond, cosines.clone().sub_scalar(margin * margin.sin()));
    let own = masks.of_class.clone();
    let logits = cosines.clone() + own.clone() * (turned - cosines);
    let log_shares = log_softmax(logits.mul_scalar(scale), 1);
    (log_shares * own).sum().neg().div_scalar(batch as f64)
}
