"""Weights by formula, as `ProceduralWeights` in Sources/Checkpoints makes them.

A tensor is a function of its checkpoint name and shape. The name's hash (FNV-1a, 64 bits) starts
a splitmix64 sequence; the top 24 bits of each number become r in [-1, 1); the value is
offset + scale * r, each operation rounded to float32, and then rounded to bfloat16.
`ProceduralRule` in the same folder says which offset and scale a name gets. The scripts here fill
public models with such weights, so that a reference case holds inputs and outputs alone.

    python3 procedural.py       checks the formula against Tests/Goldens/procedural.safetensors

Needs numpy; the check needs safetensors; `fill` is for PyTorch modules.
"""

import json
import math
import pathlib
import sys

import numpy as np

GOLDEN = pathlib.Path(__file__).parents[2] / "Tests/Goldens/procedural.safetensors"
# Elements made at a time: what fits into a cache.
PIECE = 1 << 17


def name_hash(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def numbers(name, first, count):
    """r of `count` elements from position `first` on, float32."""
    golden_ratio = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        places = np.arange(first + 1, first + count + 1, dtype=np.uint64)
        bits = np.uint64(name_hash(name)) + places * golden_ratio
        bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    # 24 bits, exact in float32 at every step.
    return (bits >> np.uint64(40)).astype(np.float32) / np.float32(2**23) - np.float32(1)


def to_bfloat16(values):
    """Rounded to bfloat16, ties to even, kept as float32. No value here is NaN or infinite."""
    bits = values.view(np.uint32)
    ties = (bits >> np.uint32(16) & np.uint32(1)) + np.uint32(0x7FFF)
    return ((bits + ties) & np.uint32(0xFFFF0000)).view(np.float32)


def rule(name, shape):
    """(offset, scale, whether |r| takes the place of r) of a weight."""
    last = name.split(".")[-1]
    if last == "running_var":
        return 1, 0.5, True
    if last == "num_batches_tracked":
        return 0, 0, False
    if last == "gamma" or last == "weight" and len(shape) == 1:
        return 1, 0.1, False
    if last == "bias":
        return 0, 0.05, False
    if last in ("running_mean", "modulation", "cls_embedding", "pos_embedding", "latents"):
        return 0, 0.1, False
    if name == "token_embedding.weight":
        return 0, 1, False
    if name.endswith("pos_embedding.embedding.weight"):
        return 0, 0.5, False
    if len(shape) < 2:
        return 0, 0.1, False
    return 0, math.sqrt(3 / math.prod(shape[1:])), False


def values(name, shape, offset, scale, absolute=False):
    count = math.prod(shape)
    result = np.empty(count, np.float32)
    for first in range(0, count, PIECE):
        piece = numbers(name, first, min(PIECE, count - first))
        if absolute:
            piece = np.abs(piece)
        piece = np.float32(scale) * piece + np.float32(offset)
        result[first:first + len(piece)] = to_bfloat16(piece)
    return result.reshape(shape)


def weight(name, shape):
    """The weight of this checkpoint name and shape; every value is a bfloat16, kept as float32."""
    return values(name, tuple(shape), *rule(name, tuple(shape)))


def noise(name, shape, scale=1.0):
    """An input, evenly spread over [-scale, scale)."""
    return values(name, tuple(shape), 0, scale)


def fill(module, published_name):
    """Gives every parameter and buffer of a PyTorch module its weight by formula.

    `published_name` maps the module's own name of a tensor to the published checkpoint's, which
    decides on the values. Returns the published names.
    """
    import torch

    names = []
    with torch.no_grad():
        for own_name, tensor in module.state_dict().items():
            name = published_name(own_name)
            tensor.copy_(torch.from_numpy(weight(name, tensor.shape)))
            names.append(name)
    return names


def main():
    from safetensors import safe_open

    with safe_open(GOLDEN, framework="numpy") as file:
        config = json.loads(file.metadata()["config"])
        for index, item in enumerate(config["items"]):
            whole = weight(item["name"], item["shape"]).ravel()
            for part, got in (("first", whole[:16]), ("last", whole[-16:])):
                if not np.array_equal(got, file.get_tensor(f"output.{part}_{index}")):
                    sys.exit(f"{item['name']}: {part} values differ")
        for index, item in enumerate(config["noise"]):
            got = noise(item["name"], item["shape"], item["scale"]).ravel()[:32]
            if not np.array_equal(got, file.get_tensor(f"output.noise_{index}")):
                sys.exit(f"noise {item['name']}: values differ")
    print(f"{len(config['items'])} weights and {len(config['noise'])} inputs are as they should be")


if __name__ == "__main__":
    main()
