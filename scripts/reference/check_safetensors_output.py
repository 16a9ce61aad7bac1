#!/usr/bin/env python3
"""Reads safetensors files that this project wrote with the public package.

    python check_safetensors_output.py FILE [EXPECTED]

Every tensor of FILE is read; where EXPECTED is given, both must hold the same tensors, bit for bit,
and the same metadata. Needs torch and safetensors.
"""
import sys

import torch
from safetensors import safe_open


def contents(path):
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        return tensors, file.metadata() or {}


def raw(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8) if tensor.numel() else tensor


def main():
    tensors, metadata = contents(sys.argv[1])
    if len(sys.argv) > 2:
        expected, expected_metadata = contents(sys.argv[2])
        assert tensors.keys() == expected.keys(), tensors.keys() ^ expected.keys()
        assert metadata == expected_metadata, (metadata, expected_metadata)
        for name, want in expected.items():
            got = tensors[name]
            assert got.dtype == want.dtype and got.shape == want.shape, name
            assert torch.equal(raw(got), raw(want)), name
    print(f"{sys.argv[1]}: {len(tensors)} tensors read")


if __name__ == "__main__":
    main()
