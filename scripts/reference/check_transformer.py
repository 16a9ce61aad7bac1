#!/usr/bin/env python3
"""Writes golden cases of the video transformer with diffusers' WanTransformer3DModel.

    python3 check_transformer.py FOLDER [--seed N] [--only NAME]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

diffusers has no expression branch, so the cases are those of ip_scale 0. Its model is used as it
is but for the timestep's angles, which Wan computes in float64 and diffusers in float32: at
timestep 1000 that alone moves the output by 1e-4. Needs torch, diffusers, numpy and safetensors.
"""

import argparse
import dataclasses

import torch
from diffusers import WanTransformer3DModel

import procedural
from golden_case import Case, relative_error

# diffusers' processor takes the last 512 rows for text, whatever the model says.
TEXT_LENGTH = 512
PICTURE_ROWS, PICTURE_WIDTH = 257, 1280
IN_CHANNELS, LATENT_CHANNELS = 36, 16
PORTRAIT_ROWS, PORTRAIT_WIDTH = 97, 2048


@dataclasses.dataclass
class Size:
    heads: int
    head_dim: int
    ffn: int
    freq: int
    text: int
    layers: int
    latents: tuple  # frames, rows, columns
    prompt: int  # rows before they are filled up
    timestep: float
    padding: int = 0  # tokens behind those of the latents


SIZES = {
    "small": Size(2, 32, 96, 32, 48, 2, (3, 6, 10), 7, 999.0),
    "odd_widths": Size(3, 20, 100, 30, 24, 3, (5, 4, 6), 512, 0.0),
    "padded": Size(4, 24, 160, 64, 40, 2, (2, 6, 8), 30, 517.25, padding=13),
    "one_frame": Size(2, 64, 256, 256, 64, 1, (1, 8, 8), 1, 1000.0),
    "head_128": Size(3, 128, 700, 256, 96, 2, (4, 10, 14), 77, 750.0),
    "deep": Size(2, 128, 512, 128, 128, 8, (3, 8, 12), 120, 250.5),
}

BLOCK_NAMES = {
    "attn1.norm_q": "self_attn.norm_q", "attn1.norm_k": "self_attn.norm_k",
    "attn1.to_q": "self_attn.q", "attn1.to_k": "self_attn.k", "attn1.to_v": "self_attn.v",
    "attn1.to_out.0": "self_attn.o",
    "attn2.norm_q": "cross_attn.norm_q", "attn2.norm_k": "cross_attn.norm_k",
    "attn2.norm_added_k": "cross_attn.norm_k_img",
    "attn2.to_q": "cross_attn.q", "attn2.to_k": "cross_attn.k", "attn2.to_v": "cross_attn.v",
    "attn2.add_k_proj": "cross_attn.k_img", "attn2.add_v_proj": "cross_attn.v_img",
    "attn2.to_out.0": "cross_attn.o",
    # The norm before the cross-attention: diffusers counts in order of use, Wan does not.
    "norm2": "norm3", "ffn.net.0.proj": "ffn.0", "ffn.net.2": "ffn.2",
}
OTHER_NAMES = {
    "scale_shift_table": "head.modulation", "proj_out": "head.head",
    "patch_embedding": "patch_embedding",
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.image_embedder.norm1": "img_emb.proj.0",
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
    "condition_embedder.image_embedder.norm2": "img_emb.proj.4",
}


def published_name(name):
    """Wan's name of a tensor of diffusers' model."""
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    module, last = name.rsplit(".", 1)
    if not name.startswith("blocks."):
        return f"{OTHER_NAMES[module]}.{last}"
    _, number, rest = name.split(".", 2)
    if rest == "scale_shift_table":
        return f"blocks.{number}.modulation"
    return f"blocks.{number}.{BLOCK_NAMES[rest.rsplit('.', 1)[0]]}.{last}"


class ExactTimestep(torch.nn.Module):
    """All cosines, then all sines, of angles in float64 (Wan's `sinusoidal_embedding_1d`)."""

    def __init__(self, width):
        super().__init__()
        self.half = width // 2

    def forward(self, timestep):
        powers = -torch.arange(self.half, dtype=torch.float64) / self.half
        angles = timestep.double()[:, None] * 10000.0**powers
        return torch.cat([angles.cos(), angles.sin()], dim=1).float()


def build(size):
    model = WanTransformer3DModel(
        num_attention_heads=size.heads, attention_head_dim=size.head_dim, in_channels=IN_CHANNELS,
        out_channels=LATENT_CHANNELS, text_dim=size.text, freq_dim=size.freq, ffn_dim=size.ffn,
        num_layers=size.layers, image_dim=PICTURE_WIDTH,
        added_kv_proj_dim=size.heads * size.head_dim).eval()
    procedural.fill(model, published_name)
    model.condition_embedder.timesteps_proj = ExactTimestep(size.freq)
    return model


def in_bfloat16(model):
    """The model as `from_pretrained(torch_dtype=bfloat16)` makes it: some parts stay float32."""
    kept = model._keep_in_fp32_modules
    for name, tensor in model.named_parameters():
        if not any(part in kept for part in name.split(".")):
            tensor.data = tensor.data.bfloat16()
    return model


def observe(model, states):
    """Notes what comes out of the parts, without the batch axis."""
    def note(name, pick=lambda output: output):
        return lambda _module, _inputs, output: states.__setitem__(name, pick(output))

    for index, block in enumerate(model.blocks):
        block.register_forward_hook(note(f"state.block{index}"))
    model.patch_embedding.register_forward_hook(
        note("state.x_embedded", lambda x: x.flatten(2).transpose(1, 2)))
    embedder = model.condition_embedder
    embedder.register_forward_hook(
        note("state.context_embedded", lambda output: torch.cat([output[3], output[2]], dim=1)))
    embedder.time_embedder.register_forward_hook(note("state.e"))
    embedder.time_proj.register_forward_hook(note("state.e0", lambda x: x.unflatten(1, (6, -1))))


@torch.no_grad()
def run(name, size, seed):
    frames, rows, columns = size.latents
    tokens = frames * (rows // 2) * (columns // 2)
    case = Case(
        f"diffusers_{name}_{seed}", "dit",
        description="diffusers' WanTransformer3DModel, no expression branch.",
        model={
            "model_type": "i2v", "patch_size": [1, 2, 2], "text_len": TEXT_LENGTH,
            "in_dim": IN_CHANNELS, "dim": size.heads * size.head_dim, "ffn_dim": size.ffn,
            "freq_dim": size.freq, "text_dim": size.text, "out_dim": LATENT_CHANNELS,
            "num_heads": size.heads, "num_layers": size.layers, "qk_norm": True,
            "cross_attn_norm": True, "eps": 1e-6},
        F=frames, H=rows, W=columns, text_tokens=size.prompt, seq_len=tokens + size.padding,
        tokens=tokens, states_taken_at="ip_scale 0.0")
    x = case.input("x", (1, LATENT_CHANNELS, *size.latents), 1.7)
    y = case.input("y", (1, IN_CHANNELS - LATENT_CHANNELS, *size.latents), 1.7)
    context = case.input("context", (size.prompt, size.text))
    picture = case.input("clip_fea", (1, PICTURE_ROWS, PICTURE_WIDTH))
    # Not used at ip_scale 0, but part of every case.
    case.input("emo_proj", (1, frames, PORTRAIT_ROWS, PORTRAIT_WIDTH))
    timestep = torch.tensor([size.timestep])
    case.add("input.t", timestep)
    text = torch.zeros(1, TEXT_LENGTH, size.text)
    text[0, :size.prompt] = context
    inputs = (torch.cat([x, y], dim=1), timestep, text, picture)

    model, states = build(size), {}
    observe(model, states)
    output = model(*inputs, return_dict=False)[0]
    case.add("output.ip_scale_0.0", output)
    for state, value in states.items():
        # Padding tokens have states too, which diffusers does not compute.
        if size.padding == 0 or state in ("state.e", "state.e0", "state.context_embedded"):
            case.add(state, value)

    half = in_bfloat16(model)(
        inputs[0].bfloat16(), timestep, text.bfloat16(), picture.bfloat16(), return_dict=False)[0]
    case.add("bf16.output.ip_scale_0.0", half)
    return case, relative_error(half, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1, help="part of the inputs' names")
    parser.add_argument("--only", choices=SIZES)
    options = parser.parse_args()
    for name, size in SIZES.items():
        if options.only in (None, name):
            case, error = run(name, size, options.seed)
            path = case.write(options.folder, atol=1e-5, rtol=1e-5)
            print(f"{path}: PyTorch's bfloat16 is {error:.2e} off")


if __name__ == "__main__":
    main()
