#!/usr/bin/env python3
"""Writes golden cases of the tiny video autoencoder with a PyTorch module of our own.

    python3 check_tiny_vae.py FOLDER [--seed N]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

No package has this network, so the module here was written after its description, like ours, but
frame by frame as that has it: two frames' channels side by side, the picture doubled before the
growth in time. What it adds to the goldens are other sizes and PyTorch's own result in bfloat16.
Needs torch, numpy and safetensors.
"""

import argparse

import torch
from torch import nn
from torch.nn import functional

import procedural
from golden_case import Case, relative_error

MEAN = [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715,
        0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921]
DEVIATION = [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526,
             2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160]


def conv(inputs, outputs, **options):
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


class MemoryBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Sequential(conv(2 * width, width), nn.ReLU(), conv(width, width), nn.ReLU(),
                                  conv(width, width))

    def forward(self, x):
        past = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
        return functional.relu(self.conv(torch.cat([x, past], dim=1)) + x)


class Grow(nn.Module):
    def __init__(self, width, frames, stored):
        super().__init__()
        self.used = width * frames
        self.conv = nn.Conv2d(width, stored, 1, bias=False)

    def forward(self, x):
        weight = self.conv.weight[-self.used:]
        return functional.conv2d(x, weight).reshape(-1, x.shape[1], *x.shape[2:])


class Pool(nn.Module):
    def __init__(self, width, frames):
        super().__init__()
        self.conv = nn.Conv2d(width * frames, width, 1, bias=False)

    def forward(self, x):
        return self.conv(x.reshape(-1, self.conv.in_channels, *x.shape[2:]))


class Limit(nn.Module):
    def forward(self, x):
        return 3 * torch.tanh(x / 3)


class TinyVAE(nn.Module):
    """Frames are the batch: [frames, channels, rows, columns]."""

    def __init__(self, widths, encoder_width, latents=16, surplus=0):
        super().__init__()
        layers = [Limit(), conv(latents, widths[0]), nn.ReLU()]
        for stage, frames in enumerate((1, 2, 2)):
            width = widths[stage]
            layers += [MemoryBlock(width) for _ in range(3)]
            layers += [nn.Upsample(scale_factor=2), Grow(width, frames, (frames + surplus) * width),
                       conv(width, widths[stage + 1], bias=False)]
        self.decoder = nn.Sequential(*layers, nn.ReLU(), conv(widths[3], 3))
        width = encoder_width
        layers = [conv(3, width), nn.ReLU()]
        for frames in (2, 2, 1):
            layers += [Pool(width, frames), conv(width, width, stride=2, bias=False)]
            layers += [MemoryBlock(width) for _ in range(3)]
        self.encoder = nn.Sequential(*layers, conv(width, latents))

    def decode(self, latents):
        """[channels, frames, rows, columns] to [3, frames, rows, columns] in -1 ... 1."""
        pixels = self.decoder(latents.transpose(0, 1))[3:]
        return (pixels.clamp(0, 1) * 2 - 1).transpose(0, 1)

    def encode(self, video):
        """[frames, 3, rows, columns] in 0 ... 1 to [frames, channels, rows, columns]."""
        missing = -len(video) % 4
        return self.encoder(torch.cat([video, video[-1:].expand(missing, -1, -1, -1)]))


# Widths, the encoder's, latents [frames, rows, columns], video [frames, rows, columns], surplus.
SIZES = {
    "published": ((256, 128, 64, 64), 64, (2, 8, 10), (5, 32, 40), 0),
    "narrow": ((24, 12, 20, 10), 12, (5, 5, 3), (9, 24, 40), 0),
    "smallest": ((8, 8, 8, 8), 8, (1, 1, 1), (1, 8, 8), 0),
    "odd_pictures": ((12, 8, 8, 4), 8, (2, 3, 1), (6, 20, 12), 0),
    "surplus": ((16, 16, 16, 16), 16, (3, 2, 7), (4, 16, 8), 1),
}


@torch.no_grad()
def run(name, size, seed):
    widths, width, latent_size, video_size, surplus = size
    case = Case(
        f"tiny_vae_{name}_{seed}", "tiny_vae", decoder_widths=list(widths), encoder_width=width,
        latent_channels=16)
    if surplus:
        case.config["growth_channels"] = [
            (frames + surplus) * w for frames, w in zip((1, 2, 2), widths)]
    latents = case.input("latents_0", (1, 16, *latent_size), 2.5)[0]
    frames, rows, columns = video_size
    video = case.input("video_0", (1, frames, 3, rows, columns), 0.5)[0] + 0.5
    case.tensors["input.video_0"] = video[None].numpy()
    mean, deviation = (torch.tensor(v)[:, None, None, None] for v in (MEAN, DEVIATION))
    model = TinyVAE(widths, width, surplus=surplus).eval()
    procedural.fill(model, lambda own: own)
    jobs = {
        "decoded_parallel_0": (model.decode, latents),
        "decoded_sequential_0": (model.decode, latents),
        "decoded_scaled_0": (model.decode, latents * deviation + mean),
        "encoded_0": (model.encode, video),
    }
    wanted = {}
    for output, (job, value) in jobs.items():
        wanted[output] = job(value)
        case.add(f"output.{output}", wanted[output][None])
    model.bfloat16()
    errors = {}
    for output, (job, value) in jobs.items():
        half = job(value.bfloat16())
        case.add(f"bf16.output.{output}", half[None])
        errors[output] = relative_error(half, wanted[output])
    return case, errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1, help="part of the inputs' names")
    options = parser.parse_args()
    for name, size in SIZES.items():
        case, errors = run(name, size, options.seed)
        path = case.write(options.folder, atol=2e-5, rtol=2e-5)
        listed = ", ".join(f"{output} {error:.2e}" for output, error in errors.items())
        print(f"{path}: PyTorch's bfloat16 is off by {listed}")


if __name__ == "__main__":
    main()
