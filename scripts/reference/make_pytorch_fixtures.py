#!/usr/bin/env python3
"""Writes the PyTorch fixtures of Tests/CheckpointsTests/Fixtures/pytorch with torch.save.

    python make_pytorch_fixtures.py Tests/CheckpointsTests/Fixtures/pytorch

Needs torch. expected.json lists, for each file that can be read, its tensors in order with type,
shape and bytes (hexadecimal, row-major) and its other entries. Files that must be refused have no
place there; the tests know why each is. A file above 4 GB is kept as its first and last bytes,
between which it is a hole.
"""

import collections
import json
import os
import pathlib
import pickle
import sys
import zipfile

import torch
from torch.serialization import set_crc32_options, skip_data

TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
expected = {}


def raw(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).tolist()) if flat.numel() else b""


def describe(tensors, metadata):
    return {
        "tensors": [
            {"name": name, "dtype": TYPES[t.dtype], "shape": list(t.shape), "bytes": raw(t).hex()}
            for name, t in tensors.items()
        ],
        "metadata": metadata,
    }


def save(folder, name, value, tensors, metadata=None, **options):
    torch.save(value, folder / name, **options)
    expected[name] = describe(tensors, metadata or {})


def typed(dtype):
    size = torch.empty(0, dtype=dtype).element_size()
    count = 15 * size
    modulus = 2 if dtype == torch.bool else 251
    data = torch.tensor([(37 * i + 11) % modulus for i in range(count)], dtype=torch.uint8)
    return data.view(dtype).reshape(3, 5)


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(4, 3)
        self.norm = torch.nn.BatchNorm1d(3)


class SystemCall:
    def __reduce__(self):
        return os.system, ("true",)


def readable(folder):
    every = {f"type.{name}": typed(dtype) for dtype, name in TYPES.items()}
    plain = {
        **every,
        "empty": torch.zeros(0, 4, dtype=torch.int16),
        "scalar": torch.tensor(2.5),
        'größe ☃ "1"': torch.ones(2),
        "one.of.many": torch.arange(4),
    }
    save(folder, "plain.pt", plain, plain)
    for protocol in (3, 4, 5):
        save(folder, f"protocol{protocol}.pt", plain, plain, pickle_protocol=protocol)
    set_crc32_options(False)
    save(folder, "no_checksums.pt", plain, plain)
    set_crc32_options(True)

    network = Network()
    state = network.state_dict()
    save(folder, "state_dict.pth", state, state)
    optimizer = torch.optim.Adam(network.parameters())
    training = {
        "epoch": 3,
        "best": 0.5,
        "name": "tïny",
        "done": True,
        "nothing": None,
        "big": 1 << 80,
        "state_dict": state,
        "optimizer": optimizer.state_dict(),
        "shape": torch.Size([2, 3]),
        "device": torch.device("cpu"),
        "type": torch.bfloat16,
    }
    save(
        folder,
        "training.pth",
        training,
        state,
        {
            "epoch": "3",
            "best": "0.5",
            "name": "tïny",
            "done": "True",
            "nothing": "(None)",
            "big": "(int)",
            "optimizer": "(dict of 2, not read)",
            "shape": "(tuple of 2, not read)",
            "device": "(torch.device)",
            "type": "(a class or function)",
        },
    )
    replicated = {
        "model": collections.OrderedDict((f"module.{k}", v) for k, v in state.items()),
        "step": -70000,
    }
    save(folder, "replicated.pt", replicated, state, {"step": "-70000"})

    marked = torch.nn.Parameter(torch.arange(3.0))
    marked.note = "kept by the state of the parameter"
    parameters = {
        "weight": network.linear.weight,
        "frozen": torch.nn.Parameter(torch.ones(2), False),
        "marked": marked,
    }
    save(folder, "parameters.bin", parameters, parameters)

    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    views = {
        "base": base,
        "tied": base,
        "transposed": base.T,
        "rows": base[1:3],
        "columns": base[:, 2:5],
        "stepped": base[::2, ::3],
        "last": base[3, 5],
        "expanded": base[:1, :1].expand(3, 5),
        "repeated": base[0].expand(2, 6),
        "no rows": base[4:],
        "windows": base.reshape(-1).unfold(0, 4, 2),
        "permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
    }
    save(folder, "views.pt", views, views)

    nested = {
        "encoder": {"layers": [torch.ones(1), {"bias": torch.zeros(2)}], "depth": 2},
        "decoder": (torch.full((1,), 3.0), "text"),
        7: torch.tensor([7]),
    }
    save(
        folder,
        "nested.pt",
        nested,
        {
            "encoder.layers.0": torch.ones(1),
            "encoder.layers.1.bias": torch.zeros(2),
            "decoder.0": torch.full((1,), 3.0),
            "7": torch.tensor([7]),
        },
        {"encoder.depth": "2", "decoder.1": "text"},
    )
    save(folder, "tensor.pt", torch.arange(3), {"tensor": torch.arange(3)})
    save(
        folder,
        "list.pt",
        [torch.zeros(1), torch.ones(1)],
        {"0": torch.zeros(1), "1": torch.ones(1)},
    )
    save(
        folder,
        "other_types.pt",
        {
            "z": torch.zeros(2, dtype=torch.complex64),
            "u": torch.zeros(2, dtype=torch.uint16),
            "f": torch.ones(1),
        },
        {"u": torch.zeros(2, dtype=torch.uint16), "f": torch.ones(1)},
        {"z": "(torch.complex64, not read)"},
    )


def above_4_gb(folder):
    path = folder / "above_4gb.pt"
    first = torch.empty(1100 << 20, dtype=torch.float32)  # never touched: address space alone
    late = {
        "late": torch.arange(16.0),
        "later": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3),
    }
    with skip_data():
        torch.save({"first": first, **late}, path)
    reader = torch._C.PyTorchFileReader(str(path))
    offsets = {name: reader.get_record_offset(f"data/{i + 1}") for i, name in enumerate(late)}
    del reader
    with open(path, "r+b") as file:
        for name, tensor in late.items():
            file.seek(offsets[name])
            file.write(raw(tensor))
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(2048)
        file.seek(size - 4096)
        tail = file.read()
    path.unlink()
    (folder / "above_4gb.head").write_bytes(head)
    (folder / "above_4gb.tail").write_bytes(tail)
    expected["above_4gb.pt"] = {"byteCount": size, **describe(late, {})}


def repack(source, target, compression=zipfile.ZIP_STORED, replace=None):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            data = (replace or {}).get(name.split("/", 1)[1], old.read(name))
            new.writestr(zipfile.ZipInfo(name), data, compression)


def refused(folder):
    torch.save(Network().state_dict(), folder / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(Network(), folder / "whole_module.pt")
    torch.save({"w": torch.ones(1), "call": SystemCall()}, folder / "os_system.pt")
    complex_ones = torch.view_as_complex(torch.ones(3, 2))
    torch.save({"negated": complex_ones.conj().imag}, folder / "negated_view.pt")
    source = folder / "plain.pt"
    repack(source, folder / "deflated.pt", zipfile.ZIP_DEFLATED)
    repack(source, folder / "big_endian.pt", replace={"byteorder": b"big"})
    # Legal, if unusual: entries without alignment are read through copies.
    repack(source, folder / "unaligned.pt")
    expected["unaligned.pt"] = expected["plain.pt"]
    script = torch.jit.script(torch.nn.Linear(1, 1))
    torch.jit.save(script, str(folder / "torchscript.pt"))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    readable(folder)
    above_4_gb(folder)
    refused(folder)
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
