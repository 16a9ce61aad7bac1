#!/usr/bin/env python3
"""Measures whole jobs of `flashportrait infer` and `fast-infer`.

    measure_job.py stages [FLAG ...]
        runs one job with these flags and prints, for every stage, its time and the most memory of
        its own (RssAnon, sampled ten times a second) that the program had in it
    measure_job.py compare [--rounds 1] [--ways infer alp teacache distill] [FLAG ...]
        runs the same job in several ways in turn (all but infer are accelerations of fast-infer),
        and prints the time of the whole job and of its denoising, what infer takes relative to it,
        and the mean time of steps that were computed and of those that were not
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

    def __init__(self, flags, command=("infer",)):
        self.stages, self.peak, self.resident = [], 0, 0
        self.steps = []
        self.stage = "plan"
        self.peaks = {}
        start = time.monotonic()
        self.process = subprocess.Popen(
            [str(PROGRAM), *command, "--log-format", "json", *flags], stderr=subprocess.PIPE,
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
        if event.get("event") == "step":
            self.steps.append(event["step_seconds"])
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


def compare(arguments, flags):
    runs = {way: [] for way in arguments.ways}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for way in arguments.ways:
                command = ["infer"] if way == "infer" else ["fast-infer", "--acceleration", way]
                # The number of steps of a distilled model is its own.
                own = drop(flags, "--num-inference-steps") if way == "distill" else flags
                job = Job([*own, "--overwrite", "--output", f"{folder}/{way}.mp4"], command)
                runs[way].append(job)
                print(f"{way:10} {job.seconds:9.2f} s", file=sys.stderr, flush=True)
    print(f"{'':10} {'whole job':>10} {'infer over it':>14} {'denoising':>10} {'over it':>8} "
          f"{'computed step':>14} {'other step':>11} {'own memory':>11}")
    for way, jobs in runs.items():
        whole = statistics.median(job.seconds for job in jobs)
        denoising = statistics.median(dict(job.stages)["denoising"] for job in jobs)
        base = runs.get("infer") or jobs
        ratio = statistics.median(a.seconds / b.seconds for a, b in zip(base, jobs))
        parts = statistics.median(
            dict(a.stages)["denoising"] / dict(b.stages)["denoising"] for a, b in zip(base, jobs))
        # A step is computed or it is not: their times are orders of magnitude apart.
        steps = [step for job in jobs for step in job.steps]
        bound = max(steps) / 5
        computed = statistics.mean(step for step in steps if step >= bound)
        others = [step for step in steps if step < bound]
        other = f"{statistics.mean(others):9.3f} s" if others else "-"
        memory = max(max(job.peaks.values()) for job in jobs) / 1e6
        print(f"{way:10} {whole:8.2f} s {ratio:14.2f} {denoising:8.2f} s {parts:8.2f} "
              f"{computed:12.3f} s {other:>11} {memory:8.0f} MB")


def drop(flags, name):
    """The flags without one and its value."""
    if name not in flags:
        return flags
    place = flags.index(name)
    return flags[:place] + flags[place + 2:]


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
    modes = parser.add_subparsers(dest="mode", required=True)
    mode = modes.add_parser("growth")
    mode.add_argument("--checkpoints", required=True)
    mode.add_argument("--frames", type=int, nargs=2, default=[200, 2000])
    mode.add_argument("--rounds", type=int, default=3)
    mode = modes.add_parser("compare")
    mode.add_argument(
        "--ways", nargs="+", choices=["infer", "alp", "teacache", "distill"],
        default=["infer", "alp", "distill"])
    mode.add_argument("--rounds", type=int, default=1)
    arguments, flags = parser.parse_known_args()
    compare(arguments, flags) if arguments.mode == "compare" else growth(arguments, flags)


if __name__ == "__main__":
    main()
