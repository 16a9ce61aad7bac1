#!/usr/bin/env python3
"""Writes golden cases of the text encoder with transformers' UMT5EncoderModel and T5EncoderModel.

    python3 check_umt5.py FOLDER [--seed N] [--only NAME]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

Every case holds several texts: without padding, with padding at the end, with masked tokens in
between, and one whose tokens are all masked. Unscaled attention makes deep encoders with such
weights chaotic, so outputs are computed in float64, and the tolerance is four times PyTorch's own
largest error in float32. Needs torch, transformers, numpy and safetensors.
"""

import argparse
import dataclasses

import numpy as np
import torch
from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

import procedural
from golden_case import Case, relative_error


@dataclasses.dataclass
class Size:
    vocab: int
    dim: int
    ffn: int
    heads: int
    head_dim: int
    layers: int
    buckets: int = 32
    lengths: tuple = (1, 7, 64)
    shared: bool = False  # one table of positions for all blocks: T5


SIZES = {
    "small": Size(200, 32, 64, 4, 8, 2),
    "odd_widths": Size(301, 40, 75, 3, 12, 3, lengths=(2, 33, 130)),
    "wide_attention": Size(500, 48, 96, 5, 32, 2, lengths=(17, 100)),
    "few_buckets": Size(97, 64, 160, 2, 24, 2, buckets=8, lengths=(5, 90)),
    "many_buckets": Size(97, 64, 160, 2, 24, 2, buckets=64, lengths=(12, 300)),
    "shared_positions": Size(150, 48, 100, 3, 16, 3, shared=True, lengths=(9, 150)),
    "head_64": Size(1000, 256, 640, 4, 64, 4, lengths=(77, 512)),
    "deep": Size(256, 128, 320, 2, 64, 12, lengths=(40, 200)),
}

NAMES = {
    "layer.0.layer_norm": "norm1",
    "layer.0.SelfAttention.q": "attn.q",
    "layer.0.SelfAttention.k": "attn.k",
    "layer.0.SelfAttention.v": "attn.v",
    "layer.0.SelfAttention.o": "attn.o",
    "layer.0.SelfAttention.relative_attention_bias": "pos_embedding.embedding",
    "layer.1.layer_norm": "norm2",
    "layer.1.DenseReluDense.wi_0": "ffn.gate.0",
    "layer.1.DenseReluDense.wi_1": "ffn.fc1",
    "layer.1.DenseReluDense.wo": "ffn.fc2",
}


def published_name(name, shared):
    """Wan's name of a tensor of transformers' model."""
    module, last = name.rsplit(".", 1)
    if module in ("shared", "encoder.embed_tokens"):
        return f"token_embedding.{last}"
    if module == "encoder.final_layer_norm":
        return f"norm.{last}"
    _, _, number, rest = module.split(".", 3)
    if shared and rest.endswith("relative_attention_bias"):
        return f"pos_embedding.embedding.{last}"
    return f"blocks.{number}.{NAMES[rest]}.{last}"


class Norm(torch.nn.Module):
    """The layer norm of both without its way through float32."""

    def __init__(self, norm):
        super().__init__()
        self.weight, self.epsilon = norm.weight, norm.variance_epsilon

    def forward(self, x):
        return self.weight * x * (x.square().mean(-1, keepdim=True) + self.epsilon).rsqrt()


def in_float64(model):
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ in ("T5LayerNorm", "UMT5LayerNorm"):
                setattr(module, name, Norm(child))
    return model.double()


def build(size):
    make_config, make_model = (
        (T5Config, T5EncoderModel) if size.shared else (UMT5Config, UMT5EncoderModel))
    model = make_model(make_config(
        vocab_size=size.vocab, d_model=size.dim, d_kv=size.head_dim, d_ff=size.ffn,
        num_layers=size.layers, num_heads=size.heads, feed_forward_proj="gated-gelu",
        relative_attention_num_buckets=size.buckets, attn_implementation="eager")).eval()
    procedural.fill(model, lambda name: published_name(name, size.shared))
    return model


def masks(length, random):
    """Masks of a text of that length: whole, padded, with gaps, and nothing but padding."""
    padded = np.arange(length) < max(1, length // 3)
    gaps = random.random(length) < 0.6
    gaps[random.integers(length)] = True
    return [np.ones(length, bool), padded, gaps, np.zeros(length, bool)]


@torch.no_grad()
def run(name, size, seed):
    case = Case(
        f"transformers_umt5_{name}_{seed}", "umt5",
        description=f"transformers' {type(build(size)).__name__}.",
        model={
            "vocab": size.vocab, "dim": size.dim, "dim_attn": size.heads * size.head_dim,
            "dim_ffn": size.ffn, "num_heads": size.heads, "num_layers": size.layers,
            "num_buckets": size.buckets, "shared_pos": size.shared, "dropout": 0.0})
    exact, model, half = in_float64(build(size)), build(size), build(size).bfloat16()
    random = np.random.default_rng(seed)
    errors, worst = [], 0.0
    number = 0
    for length in size.lengths:
        for mask in masks(length, random):
            ids = torch.from_numpy(random.integers(0, size.vocab, (1, length), dtype=np.int64))
            counted = torch.from_numpy(mask[None])
            case.add(f"input.ids_{number}", ids.int())
            case.add(f"input.mask_{number}", counted.int())
            rows = exact(ids, attention_mask=counted.long()).last_hidden_state
            single = model(ids, attention_mask=counted.long()).last_hidden_state
            worst = max(worst, float((single - rows).abs().max()))
            case.add(f"output.embeds_{number}", rows[:, mask])
            case.add(f"state.all_rows_{number}", rows)
            if mask.any():
                other = half(ids, attention_mask=counted.long()).last_hidden_state[:, mask]
                case.add(f"bf16.output.embeds_{number}", other)
                errors.append(relative_error(other, rows[:, mask]))
            number += 1
    attention = model.encoder.block[0].layer[0].SelfAttention
    case.add("output.buckets", attention._relative_position_bucket(
        torch.arange(-5000, 5001)).int())
    return case, errors, worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=SIZES)
    options = parser.parse_args()
    for name, size in SIZES.items():
        if options.only in (None, name):
            case, errors, worst = run(name, size, options.seed)
            path = case.write(options.folder, atol=max(1e-5, 4 * worst), rtol=1e-5)
            print(f"{path}: PyTorch's float32 is up to {worst:.2e} off, "
                  f"its bfloat16 {min(errors):.2e} to {max(errors):.2e} of the whole")


if __name__ == "__main__":
    main()
