#!/usr/bin/env python3
"""Compares `flashportrait features` with the same way in onnxruntime, OpenCV and PyTorch.

    compare_features.py VIDEO --detector face_det.onnx --landmarks face_landmark.onnx
        [--frames 100] [--rounds 3] [--threads N]

Both read the same frames with the same networks, PD-FGC having weights by formula, and take turns;
the peer is scripts/reference/run_face_path.py. What counts is the ratio of neighbours. Our whole
time for a frame, two runs over the video included, is compared with two times of the peer: one
detection, one face's landmarks and one expression; and all that it does.

Needs a Python with onnxruntime, opencv, PyTorch and safetensors, and a release build.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".build/release/flashportrait"
PEER = ROOT / "scripts/reference/run_face_path.py"


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout + done.stderr


def ours(options, folder):
    """Milliseconds a frame, reading and writing included; the program's start is not."""
    text = run([
        PROGRAM, "features", options.video, "--checkpoints", folder / "checkpoints",
        "--face-det", options.detector, "--face-landmark", options.landmarks,
        "--out", folder / "features.safetensors", "--overwrite",
        "--max-frames", options.frames, "--threads", options.threads])
    return 1000 / float(re.search(r"([\d.]+) frames/s in all", text)[1])


def peers(options):
    """Milliseconds a frame: one of each step, and the whole way."""
    text = run([
        sys.executable, PEER, options.video, "--detector", options.detector,
        "--landmarks", options.landmarks, "--motion",
        "--limit", options.frames, "--threads", options.threads])
    once = float(re.search(r"each once: ([\d.]+) ms", text)[1])
    return once, float(re.search(r"reading included: ([\d.]+) ms", text)[1])


def summary(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--landmarks", required=True)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    once, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run([
            PROGRAM, "synthesize", "--geometry", "14b", "--networks", "motion-encoder",
            "--out", folder / "checkpoints", "--quiet"])
        for number in range(options.rounds):
            mine = ours(options, folder)
            each, all_of_it = peers(options)
            once.append(each / mine)
            whole.append(all_of_it / mine)
            print(
                f"round {number + 1}: ours {mine:.1f} ms a frame; theirs {each:.1f} for one of "
                f"each step, {all_of_it:.1f} for the whole way")
    print(f"ratio to one of each step: {summary(once)}")
    print(f"ratio to the whole way: {summary(whole)}")


if __name__ == "__main__":
    main()
