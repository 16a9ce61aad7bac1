#!/usr/bin/env python3
"""Reads .pt files that this project wrote with torch.load(weights_only=True).

    python check_pytorch_output.py FILE [EXPECTED]

Where EXPECTED (written by torch.save) is given, both must hold the same tensors in the same order,
bit for bit. The archive's checksums are verified too. Needs torch.
"""
import sys
import zipfile

import torch


def raw(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8) if tensor.numel() else tensor


def main():
    got = torch.load(sys.argv[1], weights_only=True)
    mapped = torch.load(sys.argv[1], weights_only=True, mmap=True)
    assert zipfile.ZipFile(sys.argv[1]).testzip() is None
    assert all(torch.equal(raw(got[name]), raw(mapped[name])) for name in got)
    if len(sys.argv) > 2:
        want = torch.load(sys.argv[2], weights_only=True)
        assert list(got) == list(want), (list(got), list(want))
        for name, tensor in want.items():
            assert got[name].dtype == tensor.dtype and got[name].shape == tensor.shape, name
            assert torch.equal(raw(got[name]), raw(tensor)), name
    print(f"{sys.argv[1]}: {len(got)} tensors read")


if __name__ == "__main__":
    main()
