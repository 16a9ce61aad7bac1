"""Writes cases for the golden suite (Tests/GoldenTests), which runs every file of a folder:

    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

A case is a safetensors file with tensors `input.*`, `output.*` and `state.*` (from inside the
computation) and two JSON strings in its metadata: `config`, whose `kind` names the check that runs
it, and `tolerance`. A tensor `bf16.output.x` beside `output.x` is PyTorch's own result in bfloat16;
the suite then allows our bf16 mode no more than 1.5 times its error.
"""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file


class Case:
    """One case; `inputs` made by formula are listed instead of stored where they are large."""

    # Elements above which an input is listed: 64 KB.
    LARGE = 1 << 14

    def __init__(self, name, kind, **config):
        self.name = name
        self.tensors = {}
        self.config = {"kind": kind, **config}

    def input(self, name, shape, scale=1.0):
        """A random input, as a PyTorch tensor."""
        import torch

        import procedural

        stream = f"{self.name}.{name}"
        values = procedural.noise(stream, shape, scale)
        if values.size > self.LARGE:
            listed = self.config.setdefault("procedural_inputs", {})
            listed[f"input.{name}"] = {"name": stream, "shape": list(shape), "scale": scale}
        else:
            self.tensors[f"input.{name}"] = values
        return torch.from_numpy(values)

    def add(self, name, tensor):
        """Stores a tensor under its whole name ("input.t", "output.y", "bf16.output.y")."""
        if hasattr(tensor, "detach"):
            tensor = tensor.detach().float() if tensor.is_floating_point() else tensor.detach()
            tensor = tensor.cpu().numpy()
        self.tensors[name] = np.ascontiguousarray(tensor)

    def write(self, folder, atol, rtol, **tolerances):
        """Writes FOLDER/NAME.safetensors.

        `tolerances` maps further patterns of tensor names to (atol, rtol).
        """
        bounds = {**tolerances, "default": (atol, rtol)}
        tolerance = {pattern: {"atol": a, "rtol": r} for pattern, (a, r) in bounds.items()}
        path = pathlib.Path(folder) / f"{self.name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            self.tensors, path,
            metadata={"config": json.dumps(self.config), "tolerance": json.dumps(tolerance)})
        return path


def relative_error(got, want):
    """Root mean square of the differences, relative to that of the wanted values."""
    return float((got.double() - want.double()).norm() / want.double().norm())
