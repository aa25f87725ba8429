"""Golden values of the terms of DINO pretraining, from PyTorch in f64, with the slopes that its autograd gives.

    pip install torch && python make_dino.py   # writes dino.json beside this file

Formulas: DINO (arXiv 2104.14294, equations 1 and 4), iBOT (arXiv 2111.07832, equation 2, each crop weighing the same however many of its
patches are masked, as DINOv2 has it), KoLeo (arXiv 1806.03198, equation 2), Sinkhorn-Knopp (SwAV, arXiv 2006.09882, its listing, with
DINOv2's three rounds).
"""

import json
from pathlib import Path

import torch
from torch.nn import functional

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)
TILES, LOCAL_CROPS, PROTOTYPES, WIDTH, HIDDEN, BOTTLENECK = 3, 2, 7, 6, 8, 5
STUDENT_TEMPERATURE, TEACHER_TEMPERATURE, CENTRE_MOMENTUM = 0.1, 0.05, 0.9
MASKED_PATCHES = [3, 0, 1, 4, 0, 2]  # of each global crop


def slopes(function, *points):
    points = [point.clone().requires_grad_() for point in points]
    value = function(*points)
    value.backward()
    return {"value": value.item(), "gradients": [point.grad.flatten().tolist() for point in points]}


def cosines(*shape):
    return torch.rand(*shape) * 2 - 1


student_global = cosines(2 * TILES, PROTOTYPES)
student_local = cosines(LOCAL_CROPS * TILES, PROTOTYPES)
teacher_global = cosines(2 * TILES, PROTOTYPES)
centre = 0.3 * torch.randn(PROTOTYPES)
masked = sum(MASKED_PATCHES)
student_patches = cosines(masked, PROTOTYPES)
teacher_patches = cosines(masked, PROTOTYPES)
class_tokens = torch.randn(8, WIDTH)


def centred(logits):
    return torch.softmax((logits - centre) / TEACHER_TEMPERATURE, dim=-1)


def sinkhorn_knopp(logits, rounds=3):
    assigned = torch.exp(logits / TEACHER_TEMPERATURE).T
    prototypes, samples = assigned.shape
    assigned /= assigned.sum()
    for _ in range(rounds):
        assigned /= assigned.sum(dim=1, keepdim=True) * prototypes
        assigned /= assigned.sum(dim=0, keepdim=True) * samples
    return (assigned * samples).T


def cross_entropy(student, targets):
    return -(targets * torch.log_softmax(student / STUDENT_TEMPERATURE, dim=-1)).sum(dim=-1)


def dino(targets):
    """Every crop of the student against every global crop of the teacher but itself, pair by pair."""

    def loss(*crops):
        students = [student for some in crops for student in some.split(TILES)]
        pairs = [
            cross_entropy(student, teacher).mean()
            for seen, teacher in enumerate(targets.split(TILES))
            for crop, student in enumerate(students)
            if crop != seen
        ]
        return sum(pairs) / len(pairs)

    return loss


def ibot(targets):
    def loss(patches):
        of_crop = [
            cross_entropy(student, teacher).mean()
            for student, teacher in zip(patches.split(MASKED_PATCHES), targets.split(MASKED_PATCHES))
            if len(student)
        ]
        return sum(of_crop) / len(MASKED_PATCHES)

    return loss


def koleo(tokens):
    unit = functional.normalize(tokens, dim=-1)
    nearest = []
    for at in range(len(unit)):
        distances = [(unit[at] - unit[other]).norm() if other != at else torch.tensor(9.0) for other in range(len(unit))]
        nearest.append(torch.stack(distances).min())
    return -torch.log(torch.stack(nearest)).mean()


def projected(tokens, directions):
    hidden = functional.gelu(functional.linear(tokens, weights[0], biases[0]))
    hidden = functional.gelu(functional.linear(hidden, weights[1], biases[1]))
    hidden = functional.normalize(functional.linear(hidden, weights[2], biases[2]), dim=-1)
    return hidden @ (directions / directions.norm(dim=-1, keepdim=True)).T


weights = [torch.randn(HIDDEN, WIDTH), torch.randn(HIDDEN, HIDDEN), torch.randn(BOTTLENECK, HIDDEN)]
biases = [torch.randn(HIDDEN), torch.randn(HIDDEN), torch.randn(BOTTLENECK)]
directions = torch.randn(PROTOTYPES, BOTTLENECK)
tested = torch.randn(8, PROTOTYPES)

golden = {
    "tiles": TILES,
    "prototypes": PROTOTYPES,
    "masked_patches": MASKED_PATCHES,
    "student_temperature": STUDENT_TEMPERATURE,
    "teacher_temperature": TEACHER_TEMPERATURE,
    "centre_momentum": CENTRE_MOMENTUM,
    "student_global": student_global.flatten().tolist(),
    "student_local": student_local.flatten().tolist(),
    "teacher_global": teacher_global.flatten().tolist(),
    "student_patches": student_patches.flatten().tolist(),
    "teacher_patches": teacher_patches.flatten().tolist(),
    "class_tokens": class_tokens.flatten().tolist(),
    "centre": centre.tolist(),
    "next_centre": (CENTRE_MOMENTUM * centre + (1 - CENTRE_MOMENTUM) * teacher_global.mean(dim=0)).tolist(),
    "centred": centred(teacher_global).flatten().tolist(),
    "sinkhorn_knopp": sinkhorn_knopp(teacher_global).flatten().tolist(),
    "dino_centred": slopes(dino(centred(teacher_global)), student_global, student_local),
    "dino_sinkhorn_knopp": slopes(dino(sinkhorn_knopp(teacher_global)), student_global, student_local),
    "dino_without_local": slopes(dino(centred(teacher_global)), student_global),
    "ibot_centred": slopes(ibot(centred(teacher_patches)), student_patches),
    "ibot_sinkhorn_knopp": slopes(ibot(sinkhorn_knopp(teacher_patches)), student_patches),
    "koleo": slopes(koleo, class_tokens),
    "projector": {
        "weights": [weight.flatten().tolist() for weight in weights],
        "biases": [bias.tolist() for bias in biases],
        "directions": directions.flatten().tolist(),
        "tested": tested.flatten().tolist(),
        "of_class_tokens": slopes(
            lambda tokens, directions: (projected(tokens, directions) * tested).sum(), class_tokens, directions
        ),
    },
}
Path(__file__).with_name("dino.json").write_text(json.dumps(golden) + "\n")
print({name: golden[name]["value"] for name in golden if isinstance(golden[name], dict) and "value" in golden[name]})
