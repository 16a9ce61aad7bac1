"""Writes what PyTorch's interpolate makes of small images: the fixture of ResamplingTests.

    python scripts/reference/check_resample.py [--output FILE]

FILE is the fixture, Tests/TensorCoreTests/Fixtures/resample.json, unless named. Needs torch. With
--check it compares with the fixture that is there instead, and exits with 1 where PyTorch
disagrees by more than 1e-6.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

FIXTURE = Path(__file__).parents[2] / "Tests/TensorCoreTests/Fixtures/resample.json"

# filter, sizes of the input, target size or None, scale factor or None, align_corners
CASES = [
    (mode, source, size, scale, corners)
    for mode in ("nearest", "bilinear", "bicubic")
    for source, size, scale in [
        ((1, 2, 5, 7), (9, 4), None),
        ((1, 1, 6, 4), (3, 11), None),
        ((1, 1, 4, 5), None, 2.0),
        ((1, 1, 7, 6), None, 0.7),
        ((1, 1, 3, 3), (1, 1), None),
        ((1, 1, 1, 1), (2, 3), None),
    ]
    for corners in ((False,) if mode == "nearest" else (False, True))
] + [
    ("trilinear", (1, 2, 3, 4, 5), (5, 3, 7), None, False),
    ("trilinear", (1, 1, 3, 4, 5), (2, 6, 4), None, True),
]


def image(shape):
    """Numbers that a Swift test makes too: k * 37 % 101 / 64 - 0.5, exact in float32."""
    count = torch.Size(shape).numel()
    return (torch.arange(count) * 37 % 101).float().div(64).sub(0.5).reshape(shape)


def expected(mode, source, size, scale, corners):
    result = torch.nn.functional.interpolate(
        image(source),
        size=size,
        scale_factor=scale,
        mode=mode,
        align_corners=None if mode == "nearest" else corners,
    )
    return {
        "mode": mode,
        "input": list(source[1:]),
        "output": list(result.shape[1:]),
        "scale": scale,
        "alignCorners": corners,
        "values": [round(float(v), 8) for v in result.flatten()],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=FIXTURE)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    cases = [expected(*case) for case in CASES]
    if not options.check:
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        options.output.write_text(f"[\n{lines}\n]\n")
        return 0
    worst = 0.0
    for there, here in zip(json.loads(options.output.read_text()), cases, strict=True):
        if {**there, "values": 0} != {**here, "values": 0}:
            print("differs in kind:", here["mode"], here["input"])
            return 1
        pairs = zip(there["values"], here["values"], strict=True)
        worst = max(worst, max(abs(a - b) for a, b in pairs))
    print(f"{len(cases)} cases, largest difference {worst:.3g}")
    return worst > 1e-6


if __name__ == "__main__":
    sys.exit(main())
