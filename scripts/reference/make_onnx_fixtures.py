#!/usr/bin/env python3
"""Writes Tests/ONNXTests/Fixtures/networks: small networks that torch.onnx exports, each with its
input and the outputs of onnxruntime.

    python3 make_onnx_fixtures.py FOLDER

Needs what check_onnx.py needs.
"""

import pathlib
import sys
import warnings

import numpy as np
import onnx
from safetensors.numpy import save_file

import onnx_models
from check_onnx import export, reference

EXPORTS = {
    "detector": [(False, 11), (True, 18)],
    "landmarks": [(False, 13), (True, 21)],
    "vit": [(False, 9), (True, 20)],
    "unet": [(False, 17), (True, 18)],
    "wave": [(False, 12)],
}


def strip(path):
    """Leaves out what describes the model and is never read."""
    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    onnx.save(model, path)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    for name, case in onnx_models.small_cases(3).items():
        for dynamo, opset in EXPORTS[name]:
            stem = f"{name}-{'export' if dynamo else 'script'}-{opset}"
            path = folder / f"{stem}.onnx"
            export(case, opset, dynamo, path)
            strip(path)
            value = case.input(case.runs_at).numpy()
            outputs, _ = reference(path, {"input": value}, 1, 1)
            tensors = {"input.input": value} | {f"output.{k}": v for k, v in outputs.items()}
            save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()},
                      folder / f"{stem}.safetensors")
            print(stem, path.stat().st_size)


if __name__ == "__main__":
    main()
