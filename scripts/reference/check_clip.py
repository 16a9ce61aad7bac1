#!/usr/bin/env python3
"""Writes golden cases of the image tower with transformers' CLIPVisionModel, and of its
preparation of pictures with torch.nn.functional.interpolate.

    python3 check_clip.py FOLDER [--seed N] [--only NAME]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

The tower's output is `hidden_states[-2]`: what its last block but one gives. Needs torch,
transformers, numpy and safetensors.
"""

import argparse
import dataclasses

import numpy as np
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

import procedural
from golden_case import Case, relative_error

PREFIX = "visual."
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@dataclasses.dataclass
class Tower:
    image: int
    patch: int
    heads: int
    head_dim: int
    ratio: float
    layers: int
    pictures: int


TOWERS = {
    "small": Tower(28, 14, 2, 16, 4, 3, 2),
    "odd_widths": Tower(30, 5, 3, 20, 2.5, 4, 1),
    "one_patch": Tower(14, 14, 1, 24, 3, 2, 3),
    "head_80": Tower(56, 14, 3, 80, 4, 6, 2),
    "real_tokens": Tower(224, 14, 2, 80, 4, 8, 1),
}

# Rows, columns of the picture; rows and columns of the result.
PICTURES = {
    "enlarged": [(10, 7, 56), (1, 1, 56), (30, 55, 56)],
    "reduced": [(300, 130, 28), (97, 401, 28), (29, 28, 28)],
    "narrow": [(1, 300, 40), (300, 1, 40), (2, 2, 40), (40, 40, 40), (3, 1, 40)],
    "real_size": [(224, 224, 224), (120, 260, 224)],
}


def weight(name, *shape):
    return torch.from_numpy(procedural.weight(PREFIX + name, shape))


def published_state(config, weight):
    """transformers' tensors; `weight(name, *shape)` gives those of the published checkpoint."""
    dim, hidden, patch = config.hidden_size, config.intermediate_size, config.patch_size
    tokens = (config.image_size // patch) ** 2 + 1
    state = {
        "embeddings.class_embedding": weight("cls_embedding", 1, 1, dim)[0, 0],
        "embeddings.position_embedding.weight": weight("pos_embedding", 1, tokens, dim)[0],
        "embeddings.patch_embedding.weight":
            weight("patch_embedding.weight", dim, 3, patch, patch),
    }

    def affine(theirs, ours, *shape):
        state[f"{theirs}.weight"] = weight(f"{ours}.weight", *shape)
        state[f"{theirs}.bias"] = weight(f"{ours}.bias", shape[0])

    affine("pre_layrnorm", "pre_norm", dim)
    for layer in range(config.num_hidden_layers):
        theirs, ours = f"encoder.layers.{layer}", f"transformer.{layer}"
        affine(f"{theirs}.layer_norm1", f"{ours}.norm1", dim)
        affine(f"{theirs}.layer_norm2", f"{ours}.norm2", dim)
        affine(f"{theirs}.self_attn.out_proj", f"{ours}.attn.proj", dim, dim)
        affine(f"{theirs}.mlp.fc1", f"{ours}.mlp.0", hidden, dim)
        affine(f"{theirs}.mlp.fc2", f"{ours}.mlp.2", dim, hidden)
        for kind, shape in (("weight", (3 * dim, dim)), ("bias", (3 * dim,))):
            thirds = weight(f"{ours}.attn.to_qkv.{kind}", *shape).split(dim)
            for third, name in zip(thirds, "qkv", strict=True):
                state[f"{theirs}.self_attn.{name}_proj.{kind}"] = third
    return state


def load(model, weight):
    """Gives transformers' model the weights of the published checkpoint."""
    # Older versions of the package put all of it under "vision_model.".
    prefix = "vision_model." if hasattr(model, "vision_model") else ""
    state = published_state(model.config, weight)
    state = {prefix + name: tensor for name, tensor in state.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    unused = (f"{prefix}post_layernorm.", f"{prefix}embeddings.position_ids")
    left = [name for name in missing if not name.startswith(unused)]
    if left or unexpected:
        raise SystemExit(f"the model's names have changed: {left} missing, {unexpected} unknown")
    return model.eval()


def build(tower):
    dim = tower.heads * tower.head_dim
    config = CLIPVisionConfig(
        hidden_size=dim, intermediate_size=int(dim * tower.ratio), num_hidden_layers=tower.layers,
        num_attention_heads=tower.heads, image_size=tower.image, patch_size=tower.patch,
        hidden_act="gelu", layer_norm_eps=1e-5)
    return load(CLIPVisionModel(config), weight)


@torch.no_grad()
def run_tower(name, tower, seed):
    dim = tower.heads * tower.head_dim
    case = Case(
        f"transformers_clip_{name}_{seed}", "clip_visual",
        description="transformers' CLIPVisionModel, hidden_states[-2].", prefix=PREFIX,
        model={
            "image_size": tower.image, "patch_size": tower.patch, "dim": dim,
            "mlp_ratio": tower.ratio, "out_dim": 24, "num_heads": tower.heads,
            "num_layers": tower.layers, "pool_type": "token", "pre_norm": True,
            "post_norm": False, "activation": "gelu"})
    pixels = case.input("image", (tower.pictures, 3, tower.image, tower.image), 2.0)
    model = build(tower)
    states = model(pixels, output_hidden_states=True).hidden_states
    case.add("state.pre_norm", states[0])
    for number, state in enumerate(states[1:-1]):
        case.add(f"state.block{number}", state)
    case.add("output.tokens", states[-2])
    half = model.bfloat16()(pixels.bfloat16(), output_hidden_states=True).hidden_states[-2]
    case.add("bf16.output.tokens", half)
    return case, f"PyTorch's bfloat16 is {relative_error(half, states[-2]):.2e} off"


def run_pictures(name, sizes, seed):
    size = sizes[0][2]
    case = Case(
        f"torch_clip_preprocess_{name}_{seed}", "clip_preprocess",
        description="Bicubic to a square without antialiasing on [-1, 1], then normalised.",
        size=size, items=[
            {"image": f"rgb_{number}", "width": columns, "height": rows}
            for number, (rows, columns, _) in enumerate(sizes)])
    if size > 100:
        case.config["subsample"] = {"output.pixels": "[:, :, 1::3, ::3]"}
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    random = np.random.default_rng(seed)
    for number, (rows, columns, _) in enumerate(sizes):
        rgb = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
        case.add(f"input.rgb_{number}", rgb)
        pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255 * 2 - 1
        resized = torch.nn.functional.interpolate(
            pixels, size=(size, size), mode="bicubic", align_corners=False)
        prepared = (resized * 0.5 + 0.5 - mean) / deviation
        case.add(f"output.pixels_{number}", prepared[:, :, 1::3, ::3] if size > 100 else prepared)
    return case, f"{len(sizes)} pictures"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1, help="part of the inputs' names")
    parser.add_argument("--only", choices=[*TOWERS, *PICTURES])
    options = parser.parse_args()
    for cases, make in ((TOWERS, run_tower), (PICTURES, run_pictures)):
        for name, sizes in cases.items():
            if options.only in (None, name):
                case, note = make(name, sizes, options.seed)
                path = case.write(options.folder, atol=1e-4, rtol=1e-4)
                print(f"{path}: {note}")


if __name__ == "__main__":
    main()
