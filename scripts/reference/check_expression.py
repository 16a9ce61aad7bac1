#!/usr/bin/env python3
"""Writes golden cases of the networks that no public package has, with expression_models.py.

    python3 check_goldens.py
    python3 check_expression.py FOLDER [--seed N] [--only NAME]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

The first line shows that those modules agree with the golden files. The cases have what the golden
files do not: other head widths and counts of heads, one frame, fewer or more portrait frames than
latent ones, tokens that no count of frames divides, several items and pictures. Needs torch, numpy
and safetensors.
"""

import argparse
import dataclasses

import torch

import expression_models as models
import procedural
from golden_case import Case, relative_error


@dataclasses.dataclass
class Size:
    heads: int
    head_dim: int
    latents: tuple  # frames, rows, columns
    portraits: int  # frames of portrait tokens; 0: those of the latents
    scales: tuple
    every: int = 0  # rows of portrait tokens that all queries attend to; 0: no such output
    ffn: int = 96
    freq: int = 32
    text: int = 32
    text_len: int = 16
    prompt: int = 9
    layers: int = 2
    timestep: float = 640.25
    padding: int = 0
    eps: float = 1e-6
    subsample: tuple = ()  # of the blocks' states: text, and the slices of it


TRANSFORMERS = {
    "one_head": Size(1, 64, (3, 4, 6), 0, (0.0, 0.3, 1.0, 2.0), every=24),
    "three_heads": Size(3, 20, (4, 6, 4), 0, (0.0, 0.5, 2.0), every=7, prompt=16),
    "pairs_of_12": Size(5, 12, (2, 8, 6), 0, (1.0,), freq=10, ffn=77),
    "pairs_of_28": Size(3, 28, (5, 4, 4), 0, (0.3, 1.0), eps=1e-3),
    "pairs_of_2": Size(4, 2, (3, 4, 4), 0, (1.0,), every=1, freq=2),
    "pairs_of_6": Size(3, 6, (3, 4, 4), 0, (1.0,)),
    "one_frame": Size(2, 32, (1, 6, 8), 0, (0.0, 1.0), prompt=1),
    "one_token_a_frame": Size(2, 16, (7, 2, 2), 0, (1.0,), timestep=0.0),
    "one_token": Size(2, 16, (1, 2, 2), 0, (1.0,), every=3, timestep=1000.0),
    "one_row": Size(2, 24, (3, 2, 18), 0, (1.0,), text_len=7, prompt=7),
    "padded": Size(2, 32, (4, 6, 6), 0, (0.0, 0.3, 1.0, 2.0), every=30, padding=7),
    "padded_much": Size(3, 20, (2, 4, 4), 0, (0.0, 1.0), padding=40),
    "padded_by_one": Size(1, 32, (3, 4, 4), 0, (1.0,), padding=1),
    "fewer_portraits": Size(2, 32, (5, 4, 6), 3, (1.0,), every=50),
    "one_portrait": Size(2, 32, (4, 4, 4), 1, (0.0, 1.0)),
    "more_portraits": Size(2, 32, (3, 6, 6), 7, (0.5, 1.0), padding=2),
    "far_more_portraits": Size(2, 32, (2, 4, 4), 5, (1.0,)),
    "portraits_beyond": Size(2, 32, (1, 4, 4), 6, (1.0,)),
    "deep": Size(2, 64, (3, 8, 10), 0, (1.0,), layers=6, every=96,
                 subsample=("[:, 3::8, ::2]", (slice(None), slice(3, None, 8),
                                              slice(None, None, 2)))),
    "head_128": Size(3, 128, (6, 10, 8), 0, (0.0, 1.0), ffn=700, freq=256, text=96, text_len=64,
                     prompt=20, subsample=("[:, 5, -9:]", (slice(None), 5, slice(-9, None)))),
    "long": Size(2, 32, (9, 20, 26), 0, (1.0,), padding=30, layers=1,
                 subsample=("[:, 100:200:7, :6]", (slice(None), slice(100, 200, 7), slice(6)))),
}


def filled(module, prefix=""):
    procedural.fill(module, lambda name: prefix + name)
    return module.eval()


def add_both(case, name, want, half):
    """An output, and the same in bfloat16; returns that one's error."""
    case.add(f"output.{name}", want)
    case.add(f"bf16.output.{name}", half)
    return relative_error(half, want)


def run_transformer(name, size, seed):
    frames, rows, columns = size.latents
    tokens = frames * (rows // 2) * (columns // 2)
    portraits = size.portraits or frames
    taken_at = size.scales[-1]
    model = {
        "model_type": "i2v", "patch_size": [1, 2, 2], "text_len": size.text_len, "in_dim": 36,
        "dim": size.heads * size.head_dim, "ffn_dim": size.ffn, "freq_dim": size.freq,
        "text_dim": size.text, "out_dim": 16, "num_heads": size.heads,
        "num_layers": size.layers, "qk_norm": True, "cross_attn_norm": True, "eps": size.eps}
    case = Case(
        f"expression_{name}_{seed}", "dit", model=model, F=frames, H=rows, W=columns,
        text_tokens=size.prompt, seq_len=tokens + size.padding, tokens=tokens,
        states_taken_at=f"ip_scale {taken_at}")
    if size.subsample:
        case.config["subsample"] = {"state.block*, state.x_embedded": size.subsample[0]}
    timestep = torch.tensor([size.timestep])
    case.add("input.t", timestep)
    inputs = [
        case.input("x", (1, 16, *size.latents), 1.7), case.input("y", (1, 20, *size.latents), 1.7),
        timestep, case.input("context", (size.prompt, size.text)),
        case.input("clip_fea", (1, 257, 1280))]
    portrait = case.input("emo_proj", (1, portraits, 97, 2048))
    jobs = [(f"ip_scale_{scale}", portrait, scale) for scale in size.scales]
    if size.every:
        everyone = case.input("emo_proj_global", (1, size.every, 2048))
        jobs += [(f"emo_global_ip_scale_{scale}", everyone, scale) for scale in size.scales]
    module = filled(models.Transformer(model))
    wanted = {}
    for job, tokens, scale in jobs:
        wanted[job], states = module(*inputs, tokens, scale, case.config["seq_len"])
        if job == f"ip_scale_{taken_at}":
            for state, value in states.items():
                if size.subsample and state.startswith(("block", "x_embedded")):
                    value = value[size.subsample[1]]
                case.add(f"state.{state}", value)
    module.to_bfloat16()
    errors = {}
    for job, tokens, scale in jobs:
        half, _ = module(*inputs, tokens, scale, case.config["seq_len"])
        errors[job] = add_both(case, job, wanted[job], half)
    return case, errors


@dataclasses.dataclass
class Latents:
    dim: int
    depth: int
    dim_head: int
    heads: int
    num_queries: int
    embedding_dim: int
    output_dim: int
    ff_mult: int


RESAMPLERS = {
    "one_item": (Latents(32, 1, 8, 1, 1, 30, 16, 2), (1, 1, 30)),
    "odd_widths": (Latents(45, 3, 12, 5, 7, 19, 33, 3), (6, 1, 19)),
    "several_rows": (Latents(40, 2, 20, 2, 4, 24, 28, 4), (3, 5, 24)),
    "published": (Latents(1280, 4, 64, 20, 16, 512, 2048, 4), (2, 1, 512)),
}


def run_resampler(name, size, seed):
    latents, shape = size
    case = Case(
        f"expression_resampler_{name}_{seed}", "resampler",
        resampler=dataclasses.asdict(latents), prefix="mouth_proj_model.")
    x = case.input("x", shape)
    module = filled(models.Resampler(**dataclasses.asdict(latents)), "mouth_proj_model.")
    want = module(x)
    return case, {"tokens": add_both(case, "tokens", want, module.bfloat16()(x.bfloat16()))}


PROJECTIONS = {"one_frame": ((1, 1, 554), 24), "two_clips": ((2, 5, 554), 61),
               "published": ((1, 33, 554), 2048)}


def run_projection(name, size, seed):
    shape, width = size
    case = Case(
        f"expression_multi_proj_{name}_{seed}", "multi_proj", cross_attention_dim=width,
        prefix="proj_model.")
    if width > 1000:
        case.config["subsample"] = {"output.tokens": "[:, 2::5, ::16]"}
    x = case.input("x", shape)
    module = filled(models.FourWayProjection(width), "proj_model.")
    results = module(x), module.bfloat16()(x.bfloat16())
    if width > 1000:
        results = [value[:, 2::5, ::16] for value in results]
        case.config["full_shape"] = [shape[0], 4 * shape[1], width]
    return case, {"tokens": add_both(case, "tokens", *results)}


ENCODERS = {"one_frame": (1, 1, 554), "nine_frames": (1, 9, 554), "two_clips": (2, 3, 554)}


def run_encoder(name, shape, seed):
    case = Case(
        f"expression_encoder_{name}_{seed}", "portrait_encoder",
        subsample={"output.adapter_proj": "[:, 1::3, ::32]"},
        full_shape=[shape[0], 24 * shape[1], 2048])
    x = case.input("head_emo_feat", shape, 2.0)
    module = filled(models.PortraitEncoder())
    results = [value[:, 1::3, ::32] for value in (module(x), module.bfloat16()(x.bfloat16()))]
    return case, {"adapter_proj": add_both(case, "adapter_proj", *results)}


# Counts of frames, tokens a frame, shape of the tokens beyond their rows.
SPLITS = {
    "long": ([5, 17, 33, 77, 321], 24, (1, 5)),
    "between": ([6, 7, 8, 10, 40], 24, (1, 2)),
    "two_clips": ([5, 21], 24, (2, 3)),
    "few_tokens": ([9, 25], 7, (1, 4)),
    "one_token": ([5, 13], 1, (1, 1)),
}


def run_split(name, size, seed):
    frames, each, (batch, width) = size
    case = Case(
        f"expression_split_{name}_{seed}", "token_split", frames=frames, tokens_per_frame=each,
        channels=width)
    for number in frames:
        tokens = case.input(f"tokens_{number}", (batch, number * each, width))
        rows, lengths = models.split(tokens, number)
        case.add(f"output.split_{number}", rows)
        case.add(f"output.lengths_{number}", torch.tensor(lengths, dtype=torch.int32))
        ranges = models.split_ranges(number * each, number)
        case.add(f"output.ranges_{number}", torch.tensor(ranges, dtype=torch.int32))
    return case, {}


def pictures(seed):
    random = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (224, 224, 3), generator=random)
    ramp = torch.arange(224).view(-1, 1, 1) + torch.tensor([0, 13, 31])
    coarse = torch.rand(1, 3, 9, 7, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bicubic")
    return {
        "noise": noise, "black": torch.zeros(224, 224, 3), "white": torch.full((224, 224, 3), 255),
        "ramp": ramp.expand(224, 224, 3).clamp(0, 255),
        "smooth": (smooth[0].permute(1, 2, 0) * 255).clamp(0, 255)}


def run_motion(_name, states, seed):
    slices = {"conv4": (slice(None), slice(None, None, 16), slice(2, None, 11), slice(None, 7)),
              "hourglass": (slice(None), slice(None, None, 16), slice(2, None, 11),
                            slice(None, 7)),
              "pixels": (slice(None), slice(None), slice(0, 3), 223)}
    case = Case(
        f"expression_pdfgc_{'whole' if states else 'outputs'}_{seed}", "pdfgc",
        subsample={"state.conv4, state.hourglass": "[:, ::16, 2::11, :7]",
                   "state.pixels": "[:, :, 0:3, 223]"})
    module, half = filled(models.MotionEncoder()), filled(models.MotionEncoder()).bfloat16()
    errors = {}
    for number, picture in enumerate(pictures(seed).values()):
        bgr = picture.to(torch.uint8)
        case.add(f"input.bgr_{number}", bgr)
        parts, inner = module(bgr[None])
        other, _ = half(bgr[None])
        for part, value in parts.items():
            name = f"{part}_{number}"
            # The error of six numbers is chance: no bound for others.
            if part in ("mouth", "emo"):
                add_both(case, name, value, other[part])
            else:
                case.add(f"output.{name}", value)
            errors[name] = relative_error(other[part], value)
        for state, value in inner.items() if states else ():
            if state in slices:
                value = value[slices[state]]
            case.add(f"state.{state}_{number}", value)
    return case, errors


MOTIONS = {"states": True, "outputs_alone": False}

# Maker, sizes, (atol, rtol), further tolerances: at most those of the golden files.
KINDS = {
    "dit": (run_transformer, TRANSFORMERS, (5e-5, 5e-5), {}),
    "resampler": (run_resampler, RESAMPLERS, (2e-5, 2e-5), {}),
    "multi_proj": (run_projection, PROJECTIONS, (2e-5, 2e-5), {}),
    "portrait_encoder": (run_encoder, ENCODERS, (5e-5, 5e-5), {}),
    "token_split": (run_split, SPLITS, (0, 0), {}),
    "pdfgc": (run_motion, MOTIONS, (1e-5, 1e-4), {
        "state.hourglass*": (3e-4, 1e-4), "state.conv4*": (5e-5, 1e-4)}),
}


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1, help="part of the inputs' names")
    parser.add_argument("--only", choices=KINDS)
    options = parser.parse_args()
    for kind, (make, sizes, (atol, rtol), further) in KINDS.items():
        for name, size in sizes.items():
            if options.only in (None, kind):
                case, errors = make(name, size, options.seed)
                path = case.write(options.folder, atol, rtol, **further)
                listed = ", ".join(f"{output} {error:.1e}" for output, error in errors.items())
                print(f"{path}: PyTorch's bfloat16 is off by {listed}")


if __name__ == "__main__":
    main()
