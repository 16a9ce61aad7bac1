#!/usr/bin/env python3
"""Writes random convolutions with PyTorch's results, for ConvolutionReferenceTests.

Without arguments it rewrites the small fixture of the tests. With --cases and --output it writes as
many as asked for; the test reads that file where FLASHPORTRAIT_CONVOLUTION_CASES names it:

    python3 check_convolution.py --cases 400 --seed 7 --output cases.safetensors
    FLASHPORTRAIT_CONVOLUTION_CASES=cases.safetensors swift test -c release \
        --filter ConvolutionReferenceTests

Operands are rounded as the case's arithmetic rounds them and the result is summed up in float64, so
that only the order of float32 additions is left to differ. Needs torch, numpy and safetensors.
"""

import argparse
import json
import pathlib
import random

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

FIXTURE = (pathlib.Path(__file__).parents[2]
           / "Tests/TensorCoreTests/Fixtures/convolution.safetensors")
CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def rounded(tensor, arithmetic):
    return (tensor.to(torch.bfloat16) if arithmetic == "bf16" else tensor).double()


def prologue(x, case, multiply, add):
    """norm, scale, shift and activation over channels first, in float32 as the kernels do it."""
    if case["normalizes"]:
        x = F.normalize(x, dim=0) * x.shape[0] ** 0.5
    channels = [-1] + [1] * (x.dim() - 1)
    if multiply is not None:
        x = x * multiply.view(channels)
    if add is not None:
        x = x + add.view(channels)
    x = {"none": lambda v: v, "silu": F.silu, "relu": F.relu}[case["activation"]](x)
    if case["upsampling"] > 1:
        for axis in range(x.dim() - min(2, x.dim() - 1), x.dim()):
            x = x.repeat_interleave(case["upsampling"], dim=axis)
    return x


def convolve(x, weight, case):
    rank = weight.dim() - 2
    if case["transposed"]:
        return TRANSPOSE[rank](
            x[None], weight, stride=case["stride"], padding=case["before"],
            output_padding=case["after"], dilation=case["dilation"], groups=case["groups"])[0]
    sides = zip(reversed(case["before"]), reversed(case["after"]))
    pads = [side for pair in sides for side in pair]
    return CONVOLVE[rank](
        F.pad(x, pads)[None], weight, stride=case["stride"], dilation=case["dilation"],
        groups=case["groups"])[0]


def draw(pick, widest):
    """One random configuration, or None where no output is left."""
    rank = pick.choice([1, 2, 2, 2, 3, 3])
    transposed = pick.random() < 0.3
    groups = pick.choice([1, 1, 1, 2, 3])
    inputs, outputs = pick.randint(1, widest) * groups, pick.randint(1, widest) * groups
    if not transposed and pick.random() < 0.2:  # depthwise
        groups = inputs = outputs = pick.randint(2, widest)
    kernel = [pick.randint(1, 4) for _ in range(rank)]
    stride = [pick.randint(1, 3) for _ in range(rank)]
    dilation = [pick.randint(1, 2) for _ in range(rank)]
    case = {
        "transposed": transposed, "groups": groups, "stride": stride, "dilation": dilation,
        "before": [pick.randint(0, k - 1) for k in kernel],
        "after": [pick.randint(0, k - 1) for k in kernel],
        "arithmetic": pick.choice(["f32", "bf16"]), "normalizes": False, "activation": "none",
        "upsampling": 1, "residual": pick.random() < 0.3,
    }
    if transposed:  # PyTorch: output padding below the stride or the dilation
        case["after"] = [pick.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation)]
    if pick.random() < 0.3:
        case["normalizes"] = groups == 1 and pick.random() < 0.5
        case["activation"] = pick.choice(["none", "silu", "relu"])
        if rank > 1 and not transposed and pick.random() < 0.5:
            case["upsampling"] = 2
            case["stride"], case["dilation"] = [1] * rank, [1] * rank
    size = [pick.randint(1, 9) for _ in range(rank)]
    return case, [inputs] + size, [inputs if transposed else outputs,
                                   (outputs if transposed else inputs) // groups] + kernel


def make(pick, widest):
    case, input_shape, weight_shape = draw(pick, widest)
    weight_type = pick.choice([torch.float32, torch.bfloat16, torch.float16])
    x = torch.randn(input_shape)
    weight = (torch.randn(weight_shape) / weight_shape[1] ** 0.5).to(weight_type)
    outputs = weight_shape[1] * case["groups"] if case["transposed"] else weight_shape[0]
    tensors = {"input": x, "weight": weight}
    if pick.random() < 0.7:
        tensors["bias"] = torch.randn(outputs)
    if case["normalizes"] or pick.random() < 0.2:
        tensors["multiply"] = torch.randn(input_shape[0])
    if pick.random() < 0.1:
        tensors["add"] = torch.randn(input_shape[0])
    arithmetic = case["arithmetic"]
    prepared = prologue(x, case, tensors.get("multiply"), tensors.get("add"))
    a, w = rounded(prepared, arithmetic), rounded(weight.float(), arithmetic)
    try:
        result = convolve(a, w, case)
        magnitude = convolve(a.abs(), w.abs(), case)
    except RuntimeError:  # the kernel does not fit
        return None
    if result.numel() == 0:
        return None
    if "bias" in tensors:
        result = result + tensors["bias"].double().view([-1] + [1] * (result.dim() - 1))
    if case["residual"]:
        tensors["residual"] = torch.randn(result.shape)
        result = result + tensors["residual"].double()
    tensors["output"] = result.float()
    # Additions in float32: 64 roundings of the largest sum of magnitudes are far from reached. A
    # value on its way to bfloat16 that differs in its last float32 bit may round the other way.
    case["tolerance"] = (magnitude.max().item() + 2) * 64 * 2.0**-24
    scaled = "multiply" in tensors or "add" in tensors
    changed = case["normalizes"] or case["activation"] == "silu" or scaled
    # Upsampling adds weights up before they are rounded.
    if arithmetic == "bf16" and case["upsampling"] > 1:
        case["tolerance"] += (magnitude.max().item() + 2) * 2.0**-8
    if arithmetic == "bf16" and changed:
        case["tolerance"] += 2 * a.abs().max().item() * w.abs().max().item() * 2.0**-8
    return case, tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--widest", type=int, default=7, help="channels of a group, at most")
    parser.add_argument("--output", type=pathlib.Path, default=FIXTURE)
    options = parser.parse_args()
    pick = random.Random(options.seed)
    torch.manual_seed(options.seed)
    cases, stored = [], {}
    while len(cases) < options.cases:
        made = make(pick, options.widest)
        if made is None:
            continue
        case, tensors = made
        for name, tensor in tensors.items():
            stored[f"{len(cases):03d}.{name}"] = tensor.contiguous()
        cases.append(case)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    save_file(stored, options.output, metadata={"config": json.dumps({"cases": cases})})
    print(f"{options.output}: {len(cases)} cases, {options.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
