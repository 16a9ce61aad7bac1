"""A golden file: tensors, configuration and tolerances."""

import fnmatch
import json
import pathlib

from safetensors import safe_open

import procedural


class File:
    """Its tensors are of the package `framework`: numpy or torch."""

    def __init__(self, path, framework="numpy"):
        self.name = pathlib.Path(path).stem
        with safe_open(path, framework=framework) as file:
            metadata = file.metadata() or {}
            self.tensors = {name: file.get_tensor(name) for name in file.keys()}
        self.config = json.loads(metadata["config"])
        self.tolerance = json.loads(metadata["tolerance"])

    def input(self, name):
        listed = self.config.get("procedural_inputs", {}).get(name)
        if listed:
            import torch

            return torch.from_numpy(
                procedural.noise(listed["name"], listed["shape"], listed["scale"]))
        return self.tensors.get(name)

    def outputs(self, *prefixes):
        return [name for name in self.tensors if name.startswith(prefixes)]

    def sliced(self, name, value):
        for patterns, text in self.config.get("subsample", {}).items():
            if any(fnmatch.fnmatch(name, p.strip()) or fnmatch.fnmatch(name, p.strip() + "_*")
                   for p in patterns.split(",")):
                axes = [[int(n) if n.strip() else None for n in axis.split(":")]
                        for axis in text.strip("[]").split(",")]
                return value[tuple(slice(*a) if len(a) > 1 else a[0] for a in axes)]
        return value

    def bound(self, name):
        for pattern, bound in self.tolerance.items():
            if pattern != "default" and fnmatch.fnmatch(name, pattern):
                return bound
        return self.tolerance["default"]
