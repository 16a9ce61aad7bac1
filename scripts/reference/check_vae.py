#!/usr/bin/env python3
"""Writes golden cases of the video autoencoder with diffusers' AutoencoderKLWan.

    python3 check_vae.py FOLDER [--seed N] [--only NAME]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

diffusers leaves the normalisation of latents to its pipelines; it is done here. It uses tiles where
one side is longer than a tile, Wan where both reach its length; here Wan's condition decides. Needs
torch, diffusers, numpy and safetensors.
"""

import argparse
import contextlib
import dataclasses

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

import procedural
from golden_case import Case, relative_error


@dataclasses.dataclass
class Size:
    dim: int
    mult: tuple
    blocks: int
    halves_time: tuple
    picture: tuple  # rows, columns of pixels
    encoded: tuple  # frames of each clip to encode
    decoded: tuple  # latent frames of each clip to decode
    z: int = 16
    tile: tuple = ()  # rows, columns
    stride: tuple = ()


WAN = {"mult": (1, 2, 4, 4), "halves_time": (False, True, True)}
SIZES = {
    "small": Size(16, blocks=2, picture=(40, 24), encoded=(1, 9), decoded=(1, 4), **WAN),
    "long": Size(6, blocks=1, picture=(16, 16), encoded=(41,), decoded=(13,), **WAN),
    "odd_widths": Size(
        10, (1, 3, 2), 3, (True, False), (36, 52), (5, 9), (2, 5), z=5),
    "two_levels": Size(12, (2, 2), 1, (True,), (22, 18), (9,), (3,), z=3),
    "one_pixel": Size(8, blocks=2, picture=(8, 8), encoded=(5,), decoded=(3,), **WAN),
    "published": Size(96, blocks=2, picture=(64, 48), encoded=(5,), decoded=(2,), **WAN),
    "tiles": Size(
        8, blocks=1, picture=(72, 104), encoded=(5,), decoded=(2,), tile=(32, 40),
        stride=(24, 24), **WAN),
    "tiles_apart": Size(
        8, blocks=2, picture=(80, 64), encoded=(1,), decoded=(3,), tile=(40, 32),
        stride=(40, 16), **WAN),
    "tiles_and_a_rest": Size(
        8, blocks=1, picture=(56, 80), encoded=(5,), decoded=(2,), tile=(40, 32),
        stride=(16, 24), **WAN),
    "tiles_of_its_size": Size(
        8, blocks=1, picture=(32, 40), encoded=(5,), decoded=(2,), tile=(32, 40),
        stride=(24, 16), **WAN),
    "tiles_too_high": Size(
        8, blocks=1, picture=(24, 80), encoded=(5,), decoded=(2,), tile=(32, 40),
        stride=(24, 32), **WAN),
    "odd_latents": Size(12, blocks=2, picture=(40, 56), encoded=(1, 5), decoded=(1, 3), **WAN),
    "frames_left_over": Size(8, blocks=1, picture=(24, 16), encoded=(2, 4, 7), decoded=(2,), **WAN),
}

BLOCK_NAMES = {
    "norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}
OTHER_NAMES = {
    "conv_in": "conv1", "norm_out": "head.0", "conv_out": "head.2",
    "mid_block.resnets.0": "middle.0", "mid_block.attentions.0": "middle.1",
    "mid_block.resnets.1": "middle.2",
}


def published_name(name, blocks):
    """Wan's name of a tensor of diffusers' model with that many residual blocks in a level."""
    module, last = name.rsplit(".", 1)
    if module in ("quant_conv", "post_quant_conv"):
        return {"quant_conv": "conv1", "post_quant_conv": "conv2"}[module] + "." + last
    half, rest = module.split(".", 1)
    parts = rest.split(".")
    parts = parts[:-1] + BLOCK_NAMES.get(parts[-1], parts[-1]).split(".")
    rest = ".".join(parts)
    for theirs, wan in OTHER_NAMES.items():
        if rest == theirs or rest.startswith(theirs + "."):
            rest = wan + rest[len(theirs):]
    if parts[0] == "down_blocks":
        rest = ".".join(["downsamples", *parts[1:]])
    elif parts[0] == "up_blocks":
        # A level has one residual block more than in the encoder, then perhaps an upsampler.
        place = int(parts[3]) if parts[2] == "resnets" else blocks + 1
        number = int(parts[1]) * (blocks + 2) + place
        rest = ".".join(["upsamples", str(number), *parts[4:]])
    return f"{half}.{rest}.{last}"


def build(size):
    options = {}
    if size.z != 16:
        # There are published statistics for 16 channels alone.
        options = {"latents_mean": [0.25 * i - 0.5 for i in range(size.z)],
                   "latents_std": [1.5 + 0.25 * i for i in range(size.z)]}
    model = AutoencoderKLWan(
        base_dim=size.dim, z_dim=size.z, dim_mult=list(size.mult), num_res_blocks=size.blocks,
        temperal_downsample=list(size.halves_time),
        scale_factor_spatial=2 ** (len(size.mult) - 1), **options).eval()
    procedural.fill(model, lambda name: published_name(name, size.blocks))
    if size.tile:
        model.enable_tiling(
            tile_sample_min_height=size.tile[0], tile_sample_min_width=size.tile[1],
            tile_sample_stride_height=size.stride[0], tile_sample_stride_width=size.stride[1])
    return model


def statistics(model):
    """Mean and standard deviation of the latents, [1, z, 1, 1, 1]."""
    return [torch.tensor(values).view(1, -1, 1, 1, 1)
            for values in (model.config.latents_mean, model.config.latents_std)]


def uses_tiles(model, rows, columns):
    """Wan's condition, for a picture of that many pixels."""
    return (model.use_tiling and rows >= model.tile_sample_min_height
            and columns >= model.tile_sample_min_width)


@contextlib.contextmanager
def plain(model):
    tiling, model.use_tiling = model.use_tiling, False
    yield
    model.use_tiling = tiling


def encode(model, video):
    """Every output of encoding by its name."""
    mean, std = statistics(model)
    if uses_tiles(model, *video.shape[3:]):
        distribution = DiagonalGaussianDistribution(model.tiled_encode(video.to(model.dtype)))
    else:
        with plain(model):
            distribution = model.encode(video.to(model.dtype)).latent_dist
    unscaled = distribution.mode().float()
    outputs = {"mode": (unscaled - mean) / std}
    if not model.use_tiling:
        outputs.update(unscaled_mean=unscaled, logvar=distribution.logvar.float())
    return outputs


def decode(model, latents):
    """Every output of decoding by its name."""
    mean, std = statistics(model)
    frames = []
    hook = model.decoder.register_forward_hook(lambda _m, _i, output: frames.append(output))
    scaled = (latents * std + mean).to(model.dtype)
    factor = model.spatial_compression_ratio
    if uses_tiles(model, factor * latents.shape[3], factor * latents.shape[4]):
        decoded = model.tiled_decode(scaled).sample.float()
    else:
        with plain(model):
            decoded = model.decode(scaled).sample.float()
    hook.remove()
    outputs = {"decoded": decoded}
    if not model.use_tiling:
        outputs["decoded_unclamped"] = torch.cat(frames, dim=2).float()
    return outputs


@torch.no_grad()
def run(name, size, seed):
    model = build(size)
    config = {
        "dim": size.dim, "z_dim": size.z, "dim_mult": size.mult, "num_res_blocks": size.blocks,
        "temperal_downsample": size.halves_time, "latents_mean": model.config.latents_mean,
        "latents_std": model.config.latents_std}
    if size.tile:
        config.update(tile_sample_min=size.tile, tile_sample_stride=size.stride)
    case = Case(
        f"diffusers_vae_{name}_{seed}", "vae_tiled" if size.tile else "vae",
        description="diffusers' AutoencoderKLWan.", **config)
    factor = 2 ** (len(size.mult) - 1)
    latent = [side // factor for side in size.picture]
    jobs = [(encode, f"video_{number}", (1, 3, frames, *size.picture), 1.0)
            for number, frames in enumerate(size.encoded)]
    jobs += [(decode, f"latents_{number}", (1, size.z, frames, *latent), 1.7)
             for number, frames in enumerate(size.decoded)]
    jobs = [(work, name, case.input(name, shape, scale)) for work, name, shape, scale in jobs]
    errors = {}
    results = [work(model, value) for work, _, value in jobs]
    model.to(torch.bfloat16)
    for (work, input_name, value), outputs in zip(jobs, results):
        number = input_name.rsplit("_", 1)[1]
        halves = work(model, value)
        for output, want in outputs.items():
            case.add(f"output.{output}_{number}", want)
            case.add(f"bf16.output.{output}_{number}", halves[output])
            errors[f"{output}_{number}"] = relative_error(halves[output], want)
    return case, errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1, help="part of the inputs' names")
    parser.add_argument("--only", choices=SIZES)
    options = parser.parse_args()
    for name, size in SIZES.items():
        if options.only in (None, name):
            case, errors = run(name, size, options.seed)
            path = case.write(options.folder, atol=1e-4, rtol=1e-4)
            offsets = ", ".join(f"{output} {error:.2e}" for output, error in errors.items())
            print(f"{path}: PyTorch's bfloat16 is off by {offsets}")


if __name__ == "__main__":
    main()
