#!/usr/bin/env python3
"""Writes golden cases of the parts without a network: adapters merged into weights, normal numbers,
weights by formula.

    python3 check_parts.py FOLDER [--seed N]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

Adapters are merged here by a few lines of PyTorch after the description of the two formats; the
normal numbers are `torch.randn`'s. Needs torch, numpy and safetensors.
"""

import argparse
import math

import torch

import procedural
from golden_case import Case


def draw(random, *shape):
    return torch.randn(*shape, generator=random)


# Adapters


def distilled(seed):
    """Pairs, differences of weights, biases and modulation, and what does not fit."""
    random = torch.Generator().manual_seed(seed)
    base = {
        "blocks.3.self_attn.q.weight": (33, 17), "blocks.3.self_attn.q.bias": (33,),
        "blocks.3.self_attn.norm_q.weight": (33,), "blocks.3.modulation": (1, 6, 9),
        "blocks.12.ffn.0.weight": (40, 12), "blocks.12.ffn.2.weight": (12, 40),
        "head.head.weight": (3, 5), "head.modulation": (1, 2, 9), "conv.weight": (6, 5, 3, 2),
        "patch_embedding.weight": (7, 3, 1, 2, 2), "patch_embedding.bias": (7,),
        "untouched.weight": (4, 4)}
    base = {name: draw(random, *shape) for name, shape in base.items()}
    lora, changed = {}, {}

    def pair(key, target, down, up, names=("lora_down", "lora_up"), fits=True):
        lora[f"{key}.{names[0]}.weight"] = down = draw(random, *down)
        lora[f"{key}.{names[1]}.weight"] = up = draw(random, *up)
        if fits:
            product = up.flatten(1) @ down.flatten(1)
            weight = base[target]
            changed[target] = product.view(
                product.shape + (1,) * (weight.ndim - 2)).expand_as(weight)

    def plain(key, target, shape, fits=True):
        lora[key] = draw(random, *shape)
        if fits:
            changed[target] = changed.get(target, 0) + lora[key]

    front = "diffusion_model."
    pair(front + "blocks.3.self_attn.q", "blocks.3.self_attn.q.weight", (1, 17), (33, 1))
    lora[front + "blocks.3.self_attn.q.alpha"] = torch.tensor([7.0])  # ignored
    plain(front + "blocks.3.self_attn.q.diff_b", "blocks.3.self_attn.q.bias", (33,))
    plain("blocks.3.self_attn.norm_q.diff", "blocks.3.self_attn.norm_q.weight", (33,))
    plain("blocks.3.diff_m", "blocks.3.modulation", (1, 6, 9))
    plain(front + "head.modulation.diff", "head.modulation", (1, 2, 9))
    pair("blocks.12.ffn.0", "blocks.12.ffn.0.weight", (12, 12), (40, 12), ("lora_A", "lora_B"))
    plain(front + "blocks.12.ffn.2.diff", "blocks.12.ffn.2.weight", (12, 40))
    pair(front + "conv", "conv.weight", (3, 5, 1, 1), (6, 3, 1, 1))
    pair(front + "head.head", "", (2, 4), (3, 2), fits=False)
    pair(front + "patch_embedding", "", (2, 3, 1, 2, 2), (7, 2, 1, 1, 1), fits=False)
    plain(front + "patch_embedding.diff_b", "", (8,), fits=False)
    plain(front + "nowhere.diff", "", (4, 4), fits=False)
    lora[front + "untouched.lora_up.weight"] = draw(random, 4, 2)  # its other half is missing
    return base, lora, changed


def run_distillation(seed, strength):
    case = Case(
        f"parts_distillation_{seed}", "step_distill_lora", strength=strength, changed=[])
    base, lora, changed = distilled(seed)
    case.config["changed"] = list(changed)
    for name, value in lora.items():
        case.add(f"input.lora.{name}", value)
    for name, value in base.items():
        case.add(f"input.base.{name}", value)
        added = strength * changed.get(name, torch.zeros(()))
        case.add(f"output.merged.{name}", value + added)
        case.add(f"output.merged_bf16.{name}", (value.bfloat16().float() + added).bfloat16())
    return case


def run_kohya(seed, multiplier):
    random = torch.Generator().manual_seed(seed)
    case = Case(f"parts_kohya_{seed}", "kohya_lora", multiplier=multiplier, changed=[])
    weights = {
        "base": {
            "blocks.0.self_attn.q.weight": (9, 14), "blocks.0.cross_attn.v_img.weight": (5, 5),
            "blocks.0.cross_attn.emo_k_proj.weight": (6, 11), "blocks.21.ffn.2.weight": (4, 30),
            "img_emb.proj.3.weight": (7, 3), "conv.weight": (4, 6, 1, 1),
            "time_projection.1.weight": (12, 8)},
        "text_encoder": {"blocks.1.attn.q.weight": (10, 6), "blocks.1.ffn.gate.0.weight": (8, 6)}}
    weights = {part: {name: draw(random, *shape) for name, shape in shapes.items()}
               for part, shapes in weights.items()}

    def pair(part, key, target, rank, alpha=None, names=("lora_down", "lora_up")):
        weight = weights[part][target]
        ones = weight.shape[2:]
        down = draw(random, rank, weight.shape[1], *ones)
        up = draw(random, weight.shape[0], rank, *ones)
        case.add(f"input.lora.{key}.{names[0]}.weight", down)
        case.add(f"input.lora.{key}.{names[1]}.weight", up)
        if alpha is not None:
            case.add(f"input.lora.{key}.alpha", torch.tensor([alpha]))
        scale = multiplier * (1 if alpha is None else alpha / rank)
        added[part][target] = scale * (up.flatten(1) @ down.flatten(1)).view_as(weight)
        case.config["changed"].append(("te:" if part == "text_encoder" else "") + target)

    added = {part: {} for part in weights}
    pair("base", "lora_unet__blocks_0_self_attn_q", "blocks.0.self_attn.q.weight", 3, 8.0)
    pair("base", "lora_unet__blocks_0_cross_attn_v_img", "blocks.0.cross_attn.v_img.weight", 5)
    pair("base", "lora_unet__blocks_0_cross_attn_emo_k_proj",
         "blocks.0.cross_attn.emo_k_proj.weight", 1, 0.5)
    pair("base", "lora_unet__img_emb_proj_3", "img_emb.proj.3.weight", 2, 1.0)
    pair("base", "lora_unet__conv", "conv.weight", 2, 3.0)
    pair("base", "diffusion_model.blocks.21.ffn.2", "blocks.21.ffn.2.weight", 4, 2.0)
    pair("base", "diffusion_model.time_projection.1", "time_projection.1.weight", 6,
         names=("lora_A.default", "lora_B.default"))
    pair("text_encoder", "lora_te_blocks_1_attn_q", "blocks.1.attn.q.weight", 2, 4.0)
    for part, output in (("base", "merged"), ("text_encoder", "text_encoder")):
        for name, value in weights[part].items():
            case.add(f"input.{part}.{name}", value)
            case.add(f"output.{output}.{name}", value + added[part].get(name, 0))
    return case


# Normal numbers


def run_normal(seed):
    seeds = [seed, 2**32 - 1, 2**63 + 11, -5]
    shapes = [[1], [2], [15], [17], [31], [32], [33], [3, 7, 11], [1, 16, 5, 9, 13], [4096]]
    case = Case(
        f"parts_normal_{seed}", "cpu_normal", seeds=[str(number) for number in seeds],
        shapes=shapes)
    for number in seeds:
        for shape in shapes:
            for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
                random = torch.Generator().manual_seed(number)
                key = f"seed{number}_{'x'.join(map(str, shape))}_{name}"
                case.add(f"output.{key}", torch.randn(shape, generator=random, dtype=dtype))
                case.add(f"output.next7_after_{key}",
                         torch.randn(7, generator=random, dtype=dtype))
    return case


# Weights by formula


def run_procedural(seed):
    items = [
        (f"blocks.{seed}.cross_attn.emo_k_proj.weight", (48, 31)),
        (f"blocks.{seed}.cross_attn.norm_k_img.weight", (17,)),
        ("decoder.upsamples.3.residual.6.bias", (96,)), ("head.modulation", (1, 2, 40)),
        ("conv2.weight", (16, 16, 1, 1, 1)), ("decoder.middle.0.residual.0.gamma", (24, 1, 1, 1)),
        ("model.m0.b2_plus_1.bn2.running_var", (128,)),
        ("model.m0.b2_plus_1.bn2.running_mean", (128,)), ("visual.pos_embedding", (1, 5, 32)),
        ("emo_proj_model.latents", (1, 4, 40)), ("pos_embedding.embedding.weight", (32, 7)),
        ("token_embedding.weight", (23, 19)), ("headpose_embed.1.weight", (6, 512)),
        ("anything", (21,)), ("anything.else", (3, 4, 5)), ("größer.weight", (16, 3)),
        ("model.bn1.running_var", (300, 1000))]
    case = Case(f"parts_procedural_{seed}", "procedural", items=[], noise=[])
    for index, (name, shape) in enumerate(items):
        offset, scale, absolute = procedural.rule(name, shape)
        case.config["items"].append({
            "name": name, "shape": list(shape), "offset": float(offset), "scale": float(scale),
            "absolute": absolute, "fnv1a64": f"{procedural.name_hash(name):016x}"})
        values = procedural.weight(name, shape).ravel()
        case.add(f"output.first_{index}", values[:16])
        case.add(f"output.last_{index}", values[-16:])
        case.add(f"output.r_{index}", procedural.numbers(name, 0, 16))
        case.add(f"output.sum_{index}", torch.tensor([math.fsum(values.tolist())]))
    for index, (name, shape, scale) in enumerate(
            [("x", (5, 9), 2.0), ("case 7.video", (1, 3, 40, 41), 0.125), ("", (40,), 1.0)]):
        case.config["noise"].append({"name": name, "shape": list(shape), "scale": scale})
        case.add(f"output.noise_{index}", procedural.noise(name, shape, scale).ravel()[:32])
    return case


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    seed = options.seed
    for case, bounds, further in (
            (run_distillation(seed, 0.625), (2e-6, 1e-6), {}),
            (run_kohya(seed, 1.3), (2e-6, 1e-6), {}),
            (run_normal(seed), (2e-6, 2e-6), {"output.*bf16": (0, 0.008)}),
            (run_procedural(seed), (0, 0), {"output.sum*": (1e-3, 1e-6)})):
        if case.config["kind"] == "step_distill_lora":
            further = {"output.merged_bf16*": (1e-2, 1.6e-2)}
        print(case.write(options.folder, *bounds, **further))


if __name__ == "__main__":
    main()
