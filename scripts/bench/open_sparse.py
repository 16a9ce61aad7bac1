#!/usr/bin/env python3
"""Measures how long `flashportrait inspect` takes to open a checkpoint far larger than memory.

Writes a sparse safetensors file in the shapes of the 14B transformer (33 GB, a few hundred
kilobytes on disk), runs the program on it and reports its time and its largest resident memory.

    open_sparse.py [--gigabytes 33] [--rounds 5]

Needs a release build and a file system with sparse files; nothing but Python's own modules.
"""
import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import tempfile
import time

BINARY = pathlib.Path(__file__).resolve().parents[2] / ".build/release/flashportrait"
# A block of the transformer: the matrices, which are nearly all of it.
MATRICES = {
    **{f"self_attn.{name}.weight": [5120, 5120] for name in "qkvo"},
    **{f"cross_attn.{name}.weight": [5120, 5120]
       for name in ("q", "k", "v", "o", "k_img", "v_img")},
    "ffn.0.weight": [13824, 5120],
    "ffn.2.weight": [5120, 13824],
}


def write_sparse(path, size):
    header, offset, block = {}, 0, 0
    while offset < size:
        for name, (rows, columns) in MATRICES.items():
            end = offset + 2 * rows * columns
            header[f"blocks.{block}.{name}"] = {
                "dtype": "BF16", "shape": [rows, columns], "data_offsets": [offset, end]}
            offset = end
        block += 1
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    return len(header), 8 + len(text) + offset


def measure(path):
    start = time.monotonic()
    process = subprocess.Popen([BINARY, "inspect", path], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status != 0:
        raise SystemExit(f"inspect failed: wait status {status}")
    return seconds, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=33)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sparse.safetensors")
        tensors, size = write_sparse(path, arguments.gigabytes * 1e9)
        runs = [measure(path) for _ in range(arguments.rounds)]
        disk = os.stat(path).st_blocks * 512
    print(f"{tensors} tensors, {size / 1e9:.1f} GB ({disk / 1e3:.0f} kB on disk)")
    print(f"inspect: {statistics.median(run[0] for run in runs):.3f} s median of {len(runs)}, "
          f"{max(run[1] for run in runs):.0f} MiB resident at most")


if __name__ == "__main__":
    main()
