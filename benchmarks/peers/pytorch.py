"""Products, embedding and training with PyTorch: python pytorch.py gemm|embed|train-step|pretrain-step

The vision transformer is a ViT-B/16 as timm and torchvision build it: pre-norm blocks, one linear layer for queries, keys and
values, PyTorch's fused attention.
"""

import sys

import torch
from peer import serve
from torch import nn
from torch.nn import functional

WIDTH, LAYERS, HEAD, SIDE, PATCH = 768, 12, 64, 224, 16
ROWS = 1576  # tokens of 8 images
TRIPLETS = 4
TILES, COMPACT = 64, 192  # of a masked autoencoder
# Its side of tiles, width of the decoder and blocks of it: as the compact encoder was pretrained, and at the side of most models.
MASKED_AUTOENCODERS = [(96, 128, 2), (224, 192, 4)]


class Block(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens):
        batch, count, width = tokens.shape
        qkv = self.qkv(self.norm1(tokens)).reshape(batch, count, 3, width // HEAD, HEAD).permute(2, 0, 3, 1, 4)
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


class MaskedAutoencoder(nn.Module):
    """A compact one of grey tiles, as in the paper: only patches that are seen go through the encoder."""

    def __init__(self, side, width, layers):
        super().__init__()
        patches, pixels = (side // PATCH) ** 2, PATCH**2
        self.patch = nn.Conv2d(1, COMPACT, PATCH, PATCH)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, COMPACT))
        self.register_buffer("positions", 0.02 * torch.randn(1, 1 + patches, COMPACT))
        self.encoder = nn.Sequential(*[Block(COMPACT) for _ in range(LAYERS)], nn.LayerNorm(COMPACT, eps=1e-6))
        self.embed = nn.Linear(COMPACT, width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.register_buffer("decoder_positions", 0.02 * torch.randn(1, 1 + patches, width))
        self.decoder = nn.Sequential(*[Block(width) for _ in range(layers)], nn.LayerNorm(width, eps=1e-6))
        self.prediction = nn.Linear(width, pixels)

    def forward(self, images, noise, seen):
        """The error of the patches that were masked, each patch normalised."""
        batch, patches = noise.shape
        order = noise.argsort(1)
        back = order.argsort(1)
        tokens = self.patch(images).flatten(2).transpose(1, 2) + self.positions[:, 1:]
        kept = tokens.gather(1, order[:, :seen, None].expand(-1, -1, COMPACT))
        first = (self.token + self.positions[:, :1]).expand(batch, -1, -1)
        latent = self.embed(self.encoder(torch.cat([first, kept], 1)))
        width = latent.shape[2]
        hidden = self.mask_token.expand(batch, patches - seen, -1)
        whole = torch.cat([latent[:, 1:], hidden.to(latent.dtype)], 1)
        whole = whole.gather(1, back[:, :, None].expand(-1, -1, width))
        whole = torch.cat([latent[:, :1], whole], 1) + self.decoder_positions
        rebuilt = self.prediction(self.decoder(whole))[:, 1:].float()
        target = functional.unfold(images, PATCH, stride=PATCH).transpose(1, 2)
        target = (target - target.mean(2, keepdim=True)) / (target.var(2, keepdim=True) + 1e-6).sqrt()
        errors = ((rebuilt - target) ** 2).mean(2)
        mask = (back >= seen).float()
        return (errors * mask).sum() / mask.sum()


def pretrain_step():
    """A step of masked autoencoding: forward, loss, backward, AdamW."""

    def way(autocast, side, decoder, seen):
        model = MaskedAutoencoder(side, *decoder)
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
        images, noise = torch.rand(TILES, 1, side, side), torch.rand(TILES, (side // PATCH) ** 2)

        def run():
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                loss = model(images, noise, seen)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            return sum(parameter.numel() for parameter in model.parameters())

        return run

    works = {}
    for side, *decoder in MASKED_AUTOENCODERS:
        patches = (side // PATCH) ** 2
        for seen in (patches // 4, patches - 1):
            exact = {"f32": way(False, side, decoder, seen)}
            works[f"f32 {side} {seen}"] = exact
            works[f"bf16 {side} {seen}"] = exact
        works[f"bf16 {side} {patches // 4}"] = {
            "f32": works[f"f32 {side} {patches // 4}"]["f32"],
            "autocast bf16": way(True, side, decoder, patches // 4),
        }
    return works


torch.manual_seed(1)
works = {"gemm": gemm, "embed": embed, "train-step": train_step, "pretrain-step": pretrain_step}[sys.argv[1]]
serve(f"PyTorch {torch.__version__}", works())
