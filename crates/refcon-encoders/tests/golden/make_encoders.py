"""Small random checkpoints of every encoder family, and their outputs, from the original implementations.

    pip install torch==2.7.1 torchvision==0.22.1 transformers==4.57.3 timm==1.0.22 safetensors numpy
    python make_encoders.py

writes, beside this file, a folder a checkpoint, and in each `expected.json`: cases of image size, channels, pooling and the
embedding of two images. The images are a formula (`pixels`), so they are not stored.
"""

import json
import pathlib
import shutil

import timm
import torch
import torchvision
from torch.nn.functional import normalize
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    DeiTConfig,
    DeiTModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTModel,
)

HERE = pathlib.Path(__file__).parent
WIDTH, LAYERS, HEADS, PERCEPTRON, SIDE, PATCH = 32, 2, 4, 48, 32, 8
SIZES = dict(
    hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, image_size=SIDE, patch_size=PATCH
)
# Neither says how many heads it has, in its names or its shapes.
HEADS_FILE = {"heads": HEADS}


def pixels(side, channels=3, batch=2):
    count = batch * channels * side * side
    return ((torch.arange(count) * 7919 % 1009) / 1008).reshape(batch, channels, side, side)


def randomise(model):
    """Biases start at 0 and norms at 1: a mix-up of those would go unseen."""
    for parameter in model.parameters():
        parameter.data = 0.2 * torch.randn_like(parameter) + (1 if parameter.shape == (WIDTH,) else 0)
    return model.eval()


def folder(name):
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def case(pooling, embedding, side=SIDE, channels=3, **more):
    return {"pooling": pooling, "image_size": side, "channels": channels, **more, "embedding": embedding.flatten().tolist()}


def write(path, cases, encoder_file=None):
    (path / "expected.json").write_text(json.dumps(cases) + "\n")
    if encoder_file:
        (path / "refcon-encoder.json").write_text(json.dumps(encoder_file) + "\n")


def gem(tokens, power=3.0):
    return tokens.clamp(min=1e-6).pow(power).mean(1).pow(1 / power)


def vit():
    """The checkpoint that make_vit.py made: every pooling, and other image sizes."""
    model = ViTModel.from_pretrained(HERE / "vit").eval()
    out = model(pixels(SIDE))
    tokens = out.last_hidden_state
    mean = tokens[:, 1:].mean(1)
    cases = [
        case("pooled", out.pooler_output),
        case("class", tokens[:, 0]),
        case("patch_mean", mean),
        case("class_and_mean", torch.cat([tokens[:, 0], mean], 1)),
        case({"gem": 3.0}, gem(tokens[:, 1:])),
        case("pooled", normalize(out.pooler_output), normalise=True),
    ]
    for side in (16, 48, 72):
        cases.append(case("pooled", model(pixels(side), interpolate_pos_encoding=True).pooler_output, side))
    # One grey channel and the same weights: what three equal channels give.
    grey = pixels(SIDE, 1)
    cases.append(case("pooled", model(grey.expand(-1, 3, -1, -1)).pooler_output, channels=1))
    (HERE / "vit" / "cases.json").write_text(json.dumps(cases) + "\n")


def deit():
    """A distillation token stands between the class token and the patches."""
    model = randomise(DeiTModel(DeiTConfig(**SIZES, intermediate_size=PERCEPTRON)))
    path = folder("deit")
    model.save_pretrained(path)
    out = model(pixels(SIDE))
    bigger = model(pixels(48), interpolate_pos_encoding=True)
    write(
        path,
        [
            case("pooled", out.pooler_output),
            case("patch_mean", out.last_hidden_state[:, 2:].mean(1)),
            case("class", bigger.last_hidden_state[:, 0], 48),
        ],
    )


def torchvision_vit():
    from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

    def make(side):
        return VisionTransformer(side, PATCH, LAYERS, HEADS, WIDTH, PERCEPTRON, num_classes=10)

    model = randomise(make(SIDE))
    state = model.state_dict()
    bigger = make(48).eval()
    bigger.load_state_dict(interpolate_embeddings(48, PATCH, model.state_dict()))
    smaller = make(16).eval()
    smaller.load_state_dict(interpolate_embeddings(16, PATCH, model.state_dict()))
    path = folder("torchvision")
    torch.save(state, path / "vit.pth")
    write(
        path,
        [
            case("projected", model(pixels(SIDE))),
            case("projected", bigger(pixels(48)), 48),
            case("projected", smaller(pixels(16)), 16),
        ],
        HEADS_FILE,
    )
    # Headless, f16, in the format before PyTorch 1.6, with the names before torchvision 0.12.
    model.heads = torch.nn.Identity()
    model = model.half().float()
    names = {"mlp.0.": "mlp.linear_1.", "mlp.3.": "mlp.linear_2."}
    old = {}
    for name, tensor in model.state_dict().items():
        for new, before in names.items():
            name = name.replace(new, before)
        old[name] = tensor.half()
    path = folder("torchvision-headless")
    torch.save(old, path / "vit.pth", _use_new_zipfile_serialization=False)
    write(path, [case("class", model(pixels(SIDE)))], HEADS_FILE)


def clip():
    vision = dict(SIZES, intermediate_size=PERCEPTRON, projection_dim=24)
    model = randomise(CLIPVisionModelWithProjection(CLIPVisionConfig(**vision)))
    path = folder("clip")
    model.save_pretrained(path)
    out = model(pixels(SIDE))
    pooled = model.vision_model(pixels(SIDE)).pooler_output
    bigger = model(pixels(48), interpolate_pos_encoding=True).image_embeds
    write(path, [case("projected", out.image_embeds), case("class", pooled), case("projected", bigger, 48)])

    text = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=20)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    model = randomise(CLIPModel(config))
    path = folder("clip-both-towers-sharded")
    model.save_pretrained(path, max_shard_size="70KB")
    write(path, [case("projected", model.get_image_features(pixels(SIDE)))])


def dinov2():
    for name, swiglu in [("dinov2", False), ("dinov2-swiglu", True)]:
        model = randomise(Dinov2Model(Dinov2Config(**SIZES, mlp_ratio=2, use_swiglu_ffn=swiglu)))
        path = folder(name)
        model.save_pretrained(path)
        cases = [case("class", model(pixels(side)).pooler_output, side) for side in (SIDE, 48, 16)]
        cases.append(case("patch_mean", model(pixels(SIDE)).last_hidden_state[:, 1:].mean(1)))
        write(path, cases)
        if swiglu:
            meta(model.state_dict(), cases[:1])
    model = randomise(Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**SIZES, mlp_ratio=2, num_register_tokens=4)))
    path = folder("dinov2-registers")
    model.save_pretrained(path)
    cases = [case("class", model(pixels(side)).pooler_output, side) for side in (SIDE, 48, 16)]
    cases.append(case("patch_mean", model(pixels(SIDE)).last_hidden_state[:, 5:].mean(1)))
    write(path, cases)


def fused(state, layer, part):
    names = [f"{layer}.attention.attention.{which}.{part}" for which in ("query", "key", "value")]
    return torch.cat([state[name] for name in names])


def meta(state, cases):
    """The swiglu DINOv2 under the names of Meta's own code, as a training run keeps it: a student and its teacher."""
    named = {
        "cls_token": state["embeddings.cls_token"],
        "mask_token": state["embeddings.mask_token"],
        "pos_embed": state["embeddings.position_embeddings"],
    }
    for part in ("weight", "bias"):
        named[f"patch_embed.proj.{part}"] = state[f"embeddings.patch_embeddings.projection.{part}"]
        named[f"norm.{part}"] = state[f"layernorm.{part}"]
        for n in range(LAYERS):
            old, new = f"encoder.layer.{n}", f"blocks.{n}"
            named[f"{new}.attn.qkv.{part}"] = fused(state, old, part)
            for before, after in [
                ("attention.output.dense", "attn.proj"),
                ("norm1", "norm1"),
                ("norm2", "norm2"),
                ("mlp.weights_in", "mlp.w12"),
                ("mlp.weights_out", "mlp.w3"),
            ]:
                named[f"{new}.{after}.{part}"] = state[f"{old}.{before}.{part}"]
    for n in range(LAYERS):
        for which in ("1", "2"):
            named[f"blocks.{n}.ls{which}.gamma"] = state[f"encoder.layer.{n}.layer_scale{which}.lambda1"]
    student = {f"backbone.{name}": torch.zeros_like(tensor) for name, tensor in named.items()}
    teacher = {f"backbone.{name}": tensor for name, tensor in named.items()}
    path = folder("dinov2-meta")
    torch.save({"student": student, "teacher": teacher, "iteration": 7}, path / "checkpoint.pth")
    write(path, cases, HEADS_FILE)


def mae():
    for name, channels in [("mae", 3), ("mae-meta-grey", 1)]:
        config = ViTMAEConfig(
            **SIZES,
            num_channels=channels,
            intermediate_size=PERCEPTRON,
            decoder_hidden_size=16,
            decoder_num_hidden_layers=1,
            decoder_num_attention_heads=2,
            decoder_intermediate_size=24,
            mask_ratio=0.75,
        )
        model = randomise(ViTMAEForPreTraining(config))
        noise = torch.rand(2, (SIDE // PATCH) ** 2)
        images = pixels(SIDE, channels)
        masked = model(images, noise=noise)
        reconstruction = {
            "noise": noise.flatten().tolist(),
            "mask": masked.mask.flatten().tolist(),
            "logits": masked.logits.flatten().tolist(),
            "loss": masked.loss.item(),
        }
        model.config.mask_ratio = 0.0
        in_order = torch.arange((SIDE // PATCH) ** 2).float().expand(2, -1)
        tokens = model.vit(images, noise=in_order).last_hidden_state
        cases = [case("class", tokens[:, 0], channels=channels), case("patch_mean", tokens[:, 1:].mean(1), channels=channels)]
        if channels == 3:
            more = torch.arange((48 // PATCH) ** 2).float().expand(2, -1)
            bigger = model.vit(pixels(48), noise=more, interpolate_pos_encoding=True).last_hidden_state
            cases.append(case("class", bigger[:, 0], 48))
        model.config.mask_ratio = 0.75
        path = folder(name)
        if name == "mae":
            model.save_pretrained(path)
            write(path, cases)
        else:
            torch.save({"model": mae_names(model.state_dict()), "epoch": 3}, path / "sfm.pth")
            write(path, cases, dict(HEADS_FILE, decoder_heads=2))
        (path / "reconstruction.json").write_text(json.dumps(reconstruction) + "\n")


def mae_names(state):
    """Transformers' names turned into those of the masked autoencoder's own code."""
    named = {
        "cls_token": state["vit.embeddings.cls_token"],
        "pos_embed": state["vit.embeddings.position_embeddings"],
        "mask_token": state["decoder.mask_token"],
        "decoder_pos_embed": state["decoder.decoder_pos_embed"],
    }
    for part in ("weight", "bias"):
        named[f"patch_embed.proj.{part}"] = state[f"vit.embeddings.patch_embeddings.projection.{part}"]
        named[f"norm.{part}"] = state[f"vit.layernorm.{part}"]
        named[f"decoder_embed.{part}"] = state[f"decoder.decoder_embed.{part}"]
        named[f"decoder_norm.{part}"] = state[f"decoder.decoder_norm.{part}"]
        named[f"decoder_pred.{part}"] = state[f"decoder.decoder_pred.{part}"]
        for old, new, layers in [("vit.encoder.layer", "blocks", LAYERS), ("decoder.decoder_layers", "decoder_blocks", 1)]:
            for n in range(layers):
                named[f"{new}.{n}.attn.qkv.{part}"] = fused(state, f"{old}.{n}", part)
                for before, after in [
                    ("attention.output.dense", "attn.proj"),
                    ("layernorm_before", "norm1"),
                    ("layernorm_after", "norm2"),
                    ("intermediate.dense", "mlp.fc1"),
                    ("output.dense", "mlp.fc2"),
                ]:
                    named[f"{new}.{n}.{after}.{part}"] = state[f"{old}.{n}.{before}.{part}"]
    return named


def timm_vit():
    def make(side, **more):
        return timm.models.VisionTransformer(
            side, PATCH, embed_dim=WIDTH, depth=LAYERS, num_heads=HEADS, mlp_ratio=1.5, num_classes=0, **more
        )

    # In a Lightning checkpoint, as a module's `encoder`.
    model = randomise(make(SIDE))
    state = {f"encoder.{name}": tensor for name, tensor in model.state_dict().items()}
    state["triplet_loss.weight"] = torch.ones(3)
    path = folder("timm-lightning")
    contents = {
        "epoch": 12,
        "global_step": 340,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state,
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(4)}}, "param_groups": [{"lr": 5e-6, "params": [0]}]}],
        "hyper_parameters": {"margin": 1.0, "swap": True},
    }
    torch.save(contents, path / "last.ckpt")
    cases = [case("class", model.forward_features(pixels(SIDE))[:, 0])]
    from timm.layers import resample_abs_pos_embed

    for side in (48, 16):
        other = make(side).eval()
        state = dict(model.state_dict())
        state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], [side // PATCH] * 2)
        other.load_state_dict(state)
        cases.append(case("class", other.forward_features(pixels(side))[:, 0], side))
    write(path, cases, HEADS_FILE)

    # Registers, positions of patches only, layer scale, mean of the patches and a norm after it, bf16.
    model = randomise(make(SIDE, reg_tokens=2, no_embed_class=True, init_values=0.1, global_pool="avg", fc_norm=True))
    model = model.to(torch.bfloat16).float()
    path = folder("timm-registers")
    from safetensors.torch import save_file

    save_file({name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}, path / "model.safetensors")
    write(path, [case("patch_mean", model(pixels(SIDE)))], HEADS_FILE)


def hostile():
    """A state dict whose loading would run a command."""

    class Command:
        def __reduce__(self):
            import os

            return os.system, ("touch refcon-was-here",)

    path = folder("pickle-with-code")
    torch.save({"cls_token": torch.zeros(1, 1, WIDTH), "extra": Command()}, path / "zip.pth")
    torch.save(
        {"cls_token": torch.zeros(1, 1, WIDTH), "extra": Command()},
        path / "legacy.pth",
        _use_new_zipfile_serialization=False,
    )


if __name__ == "__main__":
    print(torch.__version__, torchvision.__version__, timm.__version__)
    for n, make in enumerate([vit, torchvision_vit, clip, dinov2, mae, timm_vit, hostile, deit]):
        torch.manual_seed(n)
        with torch.no_grad():
            make()
