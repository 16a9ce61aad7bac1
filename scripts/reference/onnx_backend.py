#!/usr/bin/env python3
"""Runs the ONNX project's backend tests, or renews the part of them that is committed.

    onnx_backend.py run DATA            runs all of DATA with `swift test` and prints the counts
    onnx_backend.py subset DATA TARGET  copies a part that covers every operator into TARGET

DATA is `backend/test/data` of the package `onnx` 1.18.0 (newer wheels leave it out), for instance
`python3 -c "import onnx, os; print(os.path.dirname(onnx.__file__))"`/backend/test/data.
TARGET is Tests/ONNXTests/Fixtures/Backend; what stands in it is replaced, but for its README.

Needs: onnx (for `subset`).
"""

import argparse
import collections
import os
import pathlib
import shutil
import subprocess
import sys

# Larger cases test nothing that smaller ones do not.
LARGEST_CASE = 100_000
# Bytes of all.
TOTAL = 1_200_000
GROUPS = ["node", "pytorch-operator", "pytorch-converted", "simple"]
# Element types of onnx.TensorProto that tensors have here.
TYPES = {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16, 17, 19}


def case_bytes(case):
    return sum(f.stat().st_size for f in case.rglob("*") if f.is_file())


def signature(model, known):
    """What a case covers: its main operator, version, attributes, number of inputs and types; None
    where it cannot run."""
    values = list(model.graph.input) + list(model.graph.output)
    for value in values:
        if value.type.WhichOneof("value") != "tensor_type":
            return None
        if value.type.tensor_type.elem_type not in TYPES:
            return None
    if not all(node.domain in ("", "ai.onnx") and node.op_type in known
               for node in model.graph.node):
        return None
    version = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    nodes = model.graph.node
    main = nodes[0] if len(nodes) == 1 else max(
        nodes, key=lambda n: (n.op_type not in ("Constant", "Identity", "Cast", "Shape"), 0))
    attributes = tuple(sorted(a.name for a in main.attribute))
    types = tuple(v.type.tensor_type.elem_type for v in values)
    return main.op_type, version, attributes, len(main.input), types


def registered_operators():
    """The names of the operators that are built: the keys of the operator tables."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "Sources/ONNX/Operators"
    names = {"If"}
    for source in folder.glob("*.swift"):
        for line in source.read_text().splitlines():
            line = line.strip()
            if line.startswith('"') and '":' in line and line[1].isupper():
                names.add(line[1:line.index('":')])
    return names


def subset(data, target):
    import onnx

    known = registered_operators()
    by_operator = collections.defaultdict(dict)
    for group in GROUPS:
        for case in sorted((data / group).iterdir()):
            model_file = case / "model.onnx"
            if not model_file.exists() or "training" in case.name:
                continue
            size = case_bytes(case)
            if size > LARGEST_CASE or case.name.endswith("_expanded"):
                continue
            key = signature(onnx.load(model_file), known)
            if key is None:
                continue
            best = by_operator[key[0]].get((group, key))
            if best is None or size < best[0]:
                by_operator[key[0]][(group, key)] = (size, group, case)
    # Round by round one more case of every operator, the smallest first, until it is enough.
    queues = {name: sorted(cases.values(), key=lambda c: (c[0], str(c[2])))
              for name, cases in by_operator.items()}
    chosen, total = [], 0
    while queues:
        for name in sorted(queues):
            size, group, case = queues[name].pop(0)
            if not queues[name]:
                del queues[name]
            if total + size <= TOTAL:
                total += size
                chosen.append((group, case))
    for group in GROUPS:
        shutil.rmtree(target / group, ignore_errors=True)
    for group, case in chosen:
        shutil.copytree(case, target / group / case.name)
    print(f"{len(chosen)} cases of {len(by_operator)} operators, {total} bytes")
    for name in sorted(known - set(by_operator)):
        print(f"no case of {name}")


def run(data):
    root = pathlib.Path(__file__).resolve().parents[2]
    environment = dict(os.environ, FLASHPORTRAIT_ONNX_TESTS=str(data.resolve()))
    command = ["swift", "test", "-c", "release", "--filter", "BackendTests/wholePackage"]
    sys.exit(subprocess.run(command, cwd=root, env=environment, check=False).returncode)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run").add_argument("data", type=pathlib.Path)
    copying = commands.add_parser("subset")
    copying.add_argument("data", type=pathlib.Path)
    copying.add_argument("target", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.data)
    else:
        subset(arguments.data, arguments.target)


if __name__ == "__main__":
    main()
