#!/usr/bin/env python3
"""Compares `flashportrait run-onnx` with onnxruntime on whole networks, which torch.onnx exports
with both of its exporters at several operator sets.

    python3 check_onnx.py --flashportrait PROGRAM FOLDER [--only NAME] [--threads N] [--repeat N]

Writes the models and tensors to FOLDER and prints, for each export, the largest difference relative
to the output's largest value, and the median times of both. Fails above 1e-4. Needs torch,
onnxscript, onnx, onnxruntime, numpy and safetensors.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import time
import warnings

import numpy as np
import onnxruntime
import torch
from safetensors.numpy import load_file, save_file

import onnx_models

LIMIT = 1e-4


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--flashportrait", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def export(case, opset, dynamo, path):
    names = [f"output{i}" for i in range(case.outputs)]
    settings = {"opset_version": opset, "input_names": ["input"], "output_names": names}
    if dynamo:
        if case.dynamic:
            dims = {axis: torch.export.Dim(name) for axis, name in case.dynamic.items()}
            settings["dynamic_shapes"] = (dims,)
        settings |= {"dynamo": True, "external_data": False, "verbose": False}
    else:
        if case.dynamic:
            settings["dynamic_axes"] = {"input": case.dynamic}
        settings["dynamo"] = False
    torch.onnx.export(case.model, (case.input(),), str(path), **settings)


def reference(path, inputs, threads, repeat):
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = dict(zip(names, session.run(names, inputs)))
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        session.run(names, inputs)
        times.append((time.perf_counter() - start) * 1e3)
    return results, sorted(times)[len(times) // 2]


def ours(program, model, folder, inputs, threads, repeat):
    given, made = folder / "in.safetensors", folder / "out.safetensors"
    save_file({name: np.ascontiguousarray(value) for name, value in inputs.items()}, given)
    run = subprocess.run(
        [program, "run-onnx", model, "--inputs", given, "--outputs", made]
        + ["--threads", str(threads), "--repeat", str(repeat)],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip())
    median = re.search(r"median ([0-9.]+) ms", run.stderr)
    return load_file(made), float(median.group(1))


def error(ours, wanted):
    worst = 0.0
    for name, value in wanted.items():
        if ours[name].shape != value.shape:
            raise RuntimeError(f"{name}: shape {ours[name].shape}, expected {value.shape}")
        scale = max(np.abs(value).max(initial=0), 1e-30)
        worst = max(worst, np.abs(ours[name].astype(np.float64) - value).max(initial=0) / scale)
    return worst


def main():
    arguments = options()
    warnings.filterwarnings("ignore")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    failed = False
    print(f"{'network':<26}{'exporter':<14}{'opset':>6}{'error':>11}{'ours':>10}{'ort':>10}")
    for name, case in onnx_models.cases(arguments.seed).items():
        if arguments.only not in name:
            continue
        for dynamo, opsets in ((False, case.opsets), (True, (18, 21))):
            for opset in opsets:
                exporter = "torch.export" if dynamo else "TorchScript"
                path = arguments.folder / f"{name}-{exporter}-{opset}.onnx"
                label = f"{name:<26}{exporter:<14}{opset:>6}"
                try:
                    export(case, opset, dynamo, path)
                except Exception as problem:  # what an exporter cannot write is not ours
                    print(f"{label}  not exported: {str(problem).splitlines()[0][:70]}")
                    continue
                inputs = {"input": case.input(case.runs_at).numpy()}
                try:
                    wanted, theirs = reference(path, inputs, arguments.threads, arguments.repeat)
                except Exception as problem:  # nor a file that onnxruntime refuses
                    print(f"{label}  onnxruntime: {str(problem).splitlines()[0][:70]}")
                    continue
                try:
                    results, mine = ours(
                        arguments.flashportrait,
                        path,
                        arguments.folder,
                        inputs,
                        arguments.threads,
                        arguments.repeat,
                    )
                    worst = error(results, wanted)
                except RuntimeError as problem:
                    print(f"{label}  FAILED: {problem}")
                    failed = True
                    continue
                failed |= not worst < LIMIT
                print(f"{label}{worst:>11.1e}{mine:>7.2f} ms{theirs:>7.2f} ms", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
