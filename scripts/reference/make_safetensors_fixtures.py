#!/usr/bin/env python3
"""Writes the safetensors fixtures of Tests/CheckpointsTests/Fixtures with the public package.

    python make_safetensors_fixtures.py Tests/CheckpointsTests/Fixtures

Needs torch and safetensors. One tensor of each element type, whose bytes a test knows: byte i of
tensor number n is (37 * i + 11 * n + 5) mod 251, or mod 2 for BOOL. Beside them an empty tensor,
one without axes, a non-ASCII name and metadata, and the same tensors in two shards with an index.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}
SHAPE = (3, 5)


def tensor(number, name):
    dtype = TYPES[name]
    size = torch.empty(0, dtype=dtype).element_size()
    modulus = 2 if name == "BOOL" else 251
    count = SHAPE[0] * SHAPE[1] * size
    values = [(37 * i + 11 * number + 5) % modulus for i in range(count)]
    data = torch.tensor(values, dtype=torch.uint8)
    return data.view(dtype).reshape(SHAPE)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"type.{name}": tensor(n, name) for n, name in enumerate(TYPES)}
    extra = {
        "empty": torch.zeros(0, 4),
        "scalar": torch.tensor(2.5),
        "größe \"1\"": torch.ones(2),
    }
    save_file({**tensors, **extra}, folder / "all_types.safetensors",
              metadata={"format": "pt", "note": "line\nbreak, \"quotes\", \u2603"})

    names = sorted(tensors)
    shards = {
        "sharded-00001-of-00002.safetensors": names[:5],
        "sharded-00002-of-00002.safetensors": names[5:],
    }
    for shard, members in shards.items():
        part = {name: tensors[name] for name in members}
        save_file(part, folder / shard, metadata={"format": "pt"})
    index = {
        "metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())},
        "weight_map": {name: shard for shard, members in shards.items() for name in members},
    }
    (folder / "sharded.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
