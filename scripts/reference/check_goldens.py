#!/usr/bin/env python3
"""Compares the modules of expression_models.py with the golden files of their kinds.

    python3 check_goldens.py [FOLDER]      Tests/Goldens where none is given

Says how far off each output and state is, and ends with status 1 where one is out of the file's
tolerance. Needs torch, numpy and safetensors.
"""

import pathlib
import re
import sys

import torch

import expression_models as models
import procedural
from golden_file import File


def filled(module, prefix=""):
    procedural.fill(module, lambda name: prefix + name)
    return module.eval()


def transformer(file):
    module = filled(models.Transformer(file.config["model"]))
    inputs = [file.input(f"input.{name}") for name in ("x", "y", "t", "context", "clip_fea")]
    results = {}
    for name in file.outputs("output."):
        what, scale = re.fullmatch(r"output\.(.*?)_?ip_scale_(.*)", name).groups()
        portrait = file.input("input.emo_proj" + ("_global" if what == "emo_global" else ""))
        results[name], states = module(
            *inputs, portrait, float(scale), file.config["seq_len"])
        if name == "output." + file.config["states_taken_at"].replace(" ", "_"):
            results.update({f"state.{state}": value for state, value in states.items()})
    return results


def resampler(file):
    module = filled(models.Resampler(**file.config["resampler"]), file.config["prefix"])
    return {"output.tokens": module(file.input("input.x"))}


def four_way_projection(file):
    module = models.FourWayProjection(file.config["cross_attention_dim"])
    return {"output.tokens": filled(module, file.config["prefix"])(file.input("input.x"))}


def portrait_encoder(file):
    module = filled(models.PortraitEncoder())
    return {"output.adapter_proj": module(file.input("input.head_emo_feat"))}


def token_split(file):
    results = {}
    for frames in file.config["frames"]:
        count = frames * file.config["tokens_per_frame"]
        results[f"output.ranges_{frames}"] = torch.tensor(models.split_ranges(count, frames))
        tokens = file.input(f"input.tokens_{frames}")
        if tokens is None:
            tokens = torch.zeros(1, count, 1)
        results[f"output.split_{frames}"], lengths = models.split(tokens, frames)
        results[f"output.lengths_{frames}"] = torch.tensor(lengths)
    return results


def motion_encoder(file):
    module, results = filled(models.MotionEncoder()), {}
    for name in file.outputs("input.bgr_"):
        number = name.removeprefix("input.bgr_")
        parts, states = module(file.input(name)[None])
        results.update({f"output.{part}_{number}": value for part, value in parts.items()})
        results.update({f"state.{state}_{number}": value for state, value in states.items()})
    return results


KINDS = {
    "dit": transformer, "resampler": resampler, "multi_proj": four_way_projection,
    "portrait_encoder": portrait_encoder, "token_split": token_split, "pdfgc": motion_encoder,
}


@torch.no_grad()
def main():
    own = pathlib.Path(__file__).parents[2] / "Tests/Goldens"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else own
    wrong = 0
    for path in sorted(folder.glob("*.safetensors")):
        file = File(path, "torch")
        if file.config["kind"] not in KINDS:
            continue
        results = KINDS[file.config["kind"]](file)
        for name in file.outputs("output.", "state."):
            want, got = file.tensors[name], file.sliced(name, results[name])
            bound = file.bound(name)
            off = (got.double() - want.double()).abs()
            fits = got.shape == want.shape and bool(
                (off <= bound["atol"] + bound["rtol"] * want.double().abs()).all())
            wrong += not fits
            print(f"{file.name}, {name} {list(want.shape)}: off by {float(off.max()):.1e}"
                  + ("" if fits else ", which is TOO MUCH"))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
