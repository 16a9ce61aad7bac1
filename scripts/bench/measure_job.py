#!/usr/bin/env python3
"""Measures whole jobs of `flashportrait infer`.

    measure_job.py stages [FLAG ...]
        runs one job with these flags and prints, for every stage, its time and the most memory of
        its own (RssAnon, sampled ten times a second) that the program had in it
    measure_job.py growth --checkpoints FOLDER [--frames 200 2000] [--rounds 3] [FLAG ...]
        runs jobs of two lengths in turn, from features made by formula, and prints how time and
        memory grow: the ratio of times over the ratio of lengths, and the difference of the peaks

Needs a release build, and for `growth` nothing but the standard library.
"""

import argparse
import json
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".build/release/flashportrait"
PICTURE = ROOT / "examples/case-1/portrait.png"


def memory(process, name):
    """Bytes of a field of /proc/PID/status; 0 once the process is gone."""
    try:
        for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class Job:
    """A run of the program: stages with their seconds and peaks, in order."""

    def __init__(self, flags):
        self.stages, self.peak, self.resident = [], 0, 0
        self.stage = "plan"
        self.peaks = {}
        start = time.monotonic()
        self.process = subprocess.Popen(
            [str(PROGRAM), "infer", "--log-format", "json", *flags], stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL, text=True)
        sampler = threading.Thread(target=self.sample)
        sampler.start()
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            self.receive(line, start)
        code = self.process.wait()
        sampler.join()
        self.seconds = time.monotonic() - start
        if code:
            raise SystemExit("".join(lines[-3:]))

    def receive(self, line, start):
        try:
            event = json.loads(line)
        except ValueError:
            return
        if event.get("event") == "plan":
            self.plan = event
            self.stages.append(("plan", time.monotonic() - start))
        if event.get("event") == "began":
            self.stage = event["stage"]
        if event.get("event") == "finished":
            self.stages.append((event["stage"], event["seconds"]))

    def sample(self):
        while self.process.poll() is None:
            own = memory(self.process, "RssAnon")
            self.peaks[self.stage] = max(self.peaks.get(self.stage, 0), own)
            self.resident = max(self.resident, memory(self.process, "VmHWM"))
            time.sleep(0.1)


def stages(flags):
    job = Job(flags)
    print(f"{'stage':12} {'seconds':>9} {'own memory':>12}")
    for name, seconds in job.stages:
        print(f"{name:12} {seconds:9.2f} {job.peaks.get(name, 0) / 1e6:9.0f} MB")
    print(f"{'whole job':12} {job.seconds:9.2f} {max(job.peaks.values()) / 1e6:9.0f} MB"
          f"   (planned {job.plan['peak_memory_bytes'] / 1e6:.0f} MB)")


def write_features(path, frames, width):
    """A safetensors file of `features`, F32 [frames, width], of slow waves."""
    size = frames * width * 4
    header = json.dumps({
        "__metadata__": {"frame_rate": "25/1"},
        "features": {"dtype": "F32", "shape": [frames, width], "data_offsets": [0, size]},
    }).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for frame in range(frames):
            row = [((frame * (1 + column % 7) + column * 13) % 101) / 50 - 1
                   for column in range(width)]
            file.write(struct.pack(f"<{width}f", *row))


def growth(arguments, flags):
    geometry = json.loads(
        (pathlib.Path(arguments.checkpoints) / "FlashPortrait/geometry.json").read_text())
    width = sum(geometry["portrait_encoder"]["layout"].values())
    seconds = {frames: [] for frames in arguments.frames}
    peaks = {frames: 0 for frames in arguments.frames}
    with tempfile.TemporaryDirectory() as folder:
        for frames in arguments.frames:
            write_features(f"{folder}/{frames}.safetensors", frames, width)
        for _ in range(arguments.rounds):
            for frames in arguments.frames:
                job = Job([
                    "--image", str(PICTURE), "--features", f"{folder}/{frames}.safetensors",
                    "--checkpoints", arguments.checkpoints, "--output", f"{folder}/{frames}.mp4",
                    "--overwrite", *flags])
                seconds[frames].append(job.seconds)
                peaks[frames] = max(peaks[frames], job.resident)
    for frames in arguments.frames:
        print(f"{frames:6} frames: {statistics.median(seconds[frames]):8.2f} s "
              f"({min(seconds[frames]):.2f} to {max(seconds[frames]):.2f}), "
              f"{peaks[frames] / 1e6:.1f} MB resident at the peak")
    short, long = arguments.frames
    ratio = [b / a / (long / short) for a, b in zip(seconds[short], seconds[long])]
    print(f"time over length: {statistics.median(ratio):.2f} "
          f"({min(ratio):.2f} to {max(ratio):.2f}); "
          f"memory: {(peaks[long] - peaks[short]) / 1e6:+.1f} MB")


def main():
    if sys.argv[1:2] == ["stages"]:
        return stages(sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["stages", "growth"])
    parser.add_argument("--checkpoints", required=True)
    parser.add_argument("--frames", type=int, nargs=2, default=[200, 2000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments, flags = parser.parse_known_args()
    growth(arguments, flags)


if __name__ == "__main__":
    main()
