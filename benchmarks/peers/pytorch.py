"""Products, embedding and training with PyTorch: python pytorch.py gemm|embed|train-step

The vision transformer is a ViT-B/16 as timm and torchvision build it: pre-norm blocks, one linear layer for queries, keys and
values, PyTorch's fused attention.
"""

import sys

import torch
from peer import serve
from torch import nn
from torch.nn import functional

WIDTH, LAYERS, HEADS, SIDE, PATCH = 768, 12, 12, 224, 16
ROWS = 1576  # tokens of 8 images
TRIPLETS = 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, tokens):
        batch, count, width = tokens.shape
        qkv = self.qkv(self.norm1(tokens)).reshape(batch, count, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*qkv.unbind(0))
        tokens = tokens + self.out(attended.transpose(1, 2).reshape(batch, count, width))
        return tokens + self.mlp(self.norm2(tokens))


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, WIDTH))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 1 + (SIDE // PATCH) ** 2, WIDTH))
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, images):
        patches = self.patch(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(images), -1, -1), patches], 1) + self.positions
        return self.norm(self.blocks(tokens))[:, 0]


def gemm():
    """Ten products with a weight that is laid out as a linear layer keeps it."""

    def way(columns, kind):
        x, weight = torch.randn(ROWS, WIDTH).to(kind), torch.randn(columns, WIDTH).to(kind)

        def run():
            with torch.inference_mode():
                for _ in range(10):
                    product = functional.linear(x, weight)
            return product.numel()

        return run

    kinds = {"f32": torch.float32, "bf16": torch.bfloat16}
    return {
        f"{name} {columns}": {f"linear {name}": way(columns, kind)}
        for columns in (3 * WIDTH, 4 * WIDTH)
        for name, kind in kinds.items()
    }


def embed():
    """Embeds images; in bf16 with weights and images rounded to it."""
    model = VisionTransformer().eval()
    models = {"f32": model, "bf16": VisionTransformer().eval().bfloat16()}

    def way(name, batch):
        images = torch.rand(batch, 3, SIDE, SIDE)

        def run():
            with torch.inference_mode():
                return models[name](images.to(next(models[name].parameters()).dtype)).numel()

        return run

    return {
        f"{name} {batch}": {f"eager {name}": way(name, batch)} for name in models for batch in (1, 8, 32)
    }


def train_step():
    """A step of triplet training: forward, loss, backward, AdamW."""

    def way(autocast):
        model = VisionTransformer()
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
        images = torch.rand(3 * TRIPLETS, 3, SIDE, SIDE)
        loss = nn.TripletMarginLoss(margin=1.0)

        def run():
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                anchor, positive, negative = model(images).chunk(3)
            loss(anchor.float(), positive.float(), negative.float()).backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            return sum(parameter.numel() for parameter in model.parameters())

        return run

    exact, rounded = way(False), way(True)
    return {
        "f32": {"f32": exact},
        "bf16": {"f32": exact, "autocast bf16": rounded},
    }


torch.manual_seed(1)
works = {"gemm": gemm, "embed": embed, "train-step": train_step}[sys.argv[1]]
serve(f"PyTorch {torch.__version__}", works())
