"""Golden values of losses and miners, from pytorch-metric-learning and PyTorch.

    pip install torch pytorch-metric-learning && python make_losses.py   # writes losses.json beside this file
"""

import json
from pathlib import Path

import torch
from pytorch_metric_learning import distances, losses, miners, reducers

torch.manual_seed(7)
LABELS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3]
CLASSES, SUB_CENTRES = 5, 3  # one class is not in the batch
embeddings = torch.randn(len(LABELS), 6, dtype=torch.float64)
embeddings += 1.5 * torch.randn(CLASSES, 6, dtype=torch.float64)[LABELS]
labels = torch.tensor(LABELS)
proxies = torch.randn(CLASSES, 6, dtype=torch.float64)
centres = torch.randn(CLASSES * SUB_CENTRES, 6, dtype=torch.float64)
mean = reducers.MeanReducer


def value_and_slope(loss, *points):
    points = [point.clone().requires_grad_() for point in points]
    value = loss(*points)
    value.backward()
    return {"value": value.item(), "gradients": [point.grad.flatten().tolist() for point in points]}


def with_weights(loss, name, weights, transpose=False):
    def run(points, weights):
        setattr(loss, name, torch.nn.Parameter(torch.empty(0)))
        del loss._parameters[name]
        setattr(loss, name, weights.t() if transpose else weights)
        return loss(points, labels)

    loss.cast_types = lambda dtype, device: None
    return value_and_slope(run, embeddings, weights)


def cosine_distance(a, b):
    return 1 - torch.nn.functional.cosine_similarity(a, b)


triples = [
    (a, p, n)
    for a in range(len(LABELS))
    for p in range(a + 1, len(LABELS))
    for n in range(len(LABELS))
    if LABELS[a] == LABELS[p] != LABELS[n]
]
anchors, positives, negatives = (list(rows) for rows in zip(*triples))


def triplet(loss):
    return value_and_slope(lambda e: loss(e[anchors], e[positives], e[negatives]), embeddings)


euclidean = distances.LpDistance(normalize_embeddings=False)
unit = torch.nn.functional.normalize(embeddings)


def mined(miner, points=embeddings):
    return [rows.tolist() for rows in miner(points, labels)]


weighted = miners.DistanceWeightedMiner(cutoff=0.5, nonzero_loss_cutoff=1.4)
captured = {}


def keep_weights(labels, ref_labels=None, t_per_anchor=None, weights=None):
    captured["weights"] = weights
    return torch.tensor([0]), torch.tensor([1]), torch.tensor([3])


from pytorch_metric_learning.utils import loss_and_miner_utils

original, loss_and_miner_utils.get_random_triplet_indices = (
    loss_and_miner_utils.get_random_triplet_indices,
    keep_weights,
)
weighted(embeddings, labels)
loss_and_miner_utils.get_random_triplet_indices = original

golden = {
    "labels": LABELS,
    "classes": CLASSES,
    "embeddings": embeddings.flatten().tolist(),
    "proxies": proxies.flatten().tolist(),
    "centres": centres.flatten().tolist(),
    "triplets": [anchors, positives, negatives],
    "triplet_euclidean_swap": triplet(torch.nn.TripletMarginLoss(margin=1.0, swap=True)),
    "triplet_euclidean": triplet(torch.nn.TripletMarginLoss(margin=1.0)),
    "triplet_cosine_swap": triplet(
        torch.nn.TripletMarginWithDistanceLoss(distance_function=cosine_distance, margin=1.0, swap=True)
    ),
    "multi_similarity": value_and_slope(
        lambda e: losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5, reducer=mean())(e, labels), embeddings
    ),
    "supervised_contrastive": value_and_slope(
        lambda e: losses.SupConLoss(temperature=0.1, reducer=mean())(e, labels), embeddings
    ),
    "proxy_anchor": with_weights(losses.ProxyAnchorLoss(CLASSES, 6, margin=0.1, alpha=32), "proxies", proxies),
    "sub_centre_arcface": with_weights(
        losses.SubCenterArcFaceLoss(
            num_classes=CLASSES, embedding_size=6, margin=28.6, scale=64, sub_centers=SUB_CENTRES
        ),
        "W",
        centres,
        transpose=True,
    ),
    "batch_hard": mined(miners.BatchHardMiner(distance=euclidean)),
    "semi_hard": mined(miners.TripletMarginMiner(margin=1.0, type_of_triplets="semihard", distance=euclidean)),
    "distance_weights": captured["weights"].flatten().tolist(),
}
Path(__file__).with_name("losses.json").write_text(json.dumps(golden) + "\n")
print({name: golden[name]["value"] for name in golden if isinstance(golden[name], dict)})
