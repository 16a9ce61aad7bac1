#!/usr/bin/env python3
"""Checks that `flashportrait infer` survives kill -9: the same command resumes, to the same bytes.

    scripts/check_resume.py [--kills N] [--seed N] [--sampler NAME] [--acceleration NAME]
                            [--program FILE] [--keep]

Makes a tiny checkpoint, runs a job of several windows, steps and pieces of video undisturbed, and
again with other numbers of threads, which must give the same bytes. Then kills it, N times in all
(default 20), at random moments that are spread over all stages: one to four times in a row, before
the same command may run to its end. Each such video must have the bytes of the undisturbed one, and
nothing may lie beside it. Every other time the output is there from the start (--overwrite): as
long as the job is not done, it must stay as it is.

With --acceleration the job is one of `flashportrait fast-infer`.

Prints in which stage each kill fell. The exit status is 0 where all of this holds, else 1. Needs
the built program (default: .build/release/flashportrait) and nothing but Python; the default takes
about a minute and a half. The same seed chooses the same moments, as far as the machine is as fast.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAGES = ["features", "text", "image", "condition", "denoising", "decoding", "joining"]
# Before the first stage: inputs are checked, and the plan is made.
PLANNING = "planning"
OLD_OUTPUT = b"what was there before"
TIMEOUT = 300


class Difference(Exception):
    """Something that must hold and does not."""


class Run:
    """A running job: the stage that it is in, told by its log."""

    def __init__(self, command):
        self.stage = PLANNING
        self.durations = {}
        self.text = []
        self.started = time.monotonic()
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").strip()
            self.text.append(line)
            try:
                event = json.loads(line)
            except ValueError:
                continue
            with self.changed:
                self.note(event)
                self.changed.notify_all()
        with self.changed:
            self.text.append("")
            self.changed.notify_all()

    def note(self, event):
        kind, stage = event.get("event"), event.get("stage")
        if kind in ("began", "kept"):
            if self.stage == PLANNING:
                self.durations[PLANNING] = time.monotonic() - self.started
            self.stage = stage
        elif kind == "finished":
            self.durations[stage] = event["seconds"]

    def await_stage(self, stage):
        """Waits until the job has come to a stage, or beyond it; says whether it did."""
        order = [PLANNING] + STAGES
        with self.changed:
            self.changed.wait_for(
                lambda: order.index(self.stage) >= order.index(stage) or not self.is_alive(),
                TIMEOUT)
        return self.is_alive()

    def is_alive(self):
        return self.process.poll() is None

    def end(self):
        """Waits for the end of the process; returns its status."""
        try:
            status = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Difference(f"no end after {TIMEOUT} s, in {self.stage}") from None
        self.reader.join()
        return status


class Check:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.random = random.Random(options.seed)
        self.checkpoints = folder / "checkpoints"
        self.durations = {}
        self.wanted = None
        self.kills = []
        self.number = 0

    # Jobs

    def command(self, output, threads=None, overwrites=False):
        networks = ROOT / "examples/networks"
        case = ROOT / "examples/case-1"
        words = [
            self.options.program, *self.acceleration(), "--image", case / "portrait.png",
            "--driven-video", case / "driving.mp4", "--checkpoints", self.checkpoints,
            "--face-det", networks / "face_det.onnx",
            "--face-landmark", networks / "face_landmark.onnx", "--output", output,
            "--max-size", "64", "--max-frames", "100", "--context-size", "9",
            "--context-overlap", "4", "--log-format", "json",
        ]
        words += ["--threads", threads] if threads else []
        words += ["--overwrite"] if overwrites else []
        return [str(word) for word in words]

    def acceleration(self):
        """The command, and what decides on its steps."""
        name = self.options.acceleration
        if name == "distill":
            return ["fast-infer", "--acceleration", name]
        steps = ["--num-inference-steps", "6", "--sampler", self.options.sampler]
        if name is None:
            return ["infer", *steps]
        # Of six steps, some have to be made from others.
        flags = ["--alp-interval", "2"] if name == "alp" else ["--teacache-threshold", "12000"]
        return ["fast-infer", "--acceleration", name, *flags, *steps]

    def digest(self, output):
        return hashlib.sha256(output.read_bytes()).hexdigest()

    def complete(self, command, output, what):
        """Lets a job run to its end; its video must be as that of all others."""
        run = Run(command)
        status = run.end()
        if status != 0:
            tail = "\n".join(run.text[-5:])
            raise Difference(f"{what}: status {status}\n{tail}")
        digest = self.digest(output)
        self.wanted = self.wanted or digest
        if digest != self.wanted:
            raise Difference(f"{what}: other bytes than undisturbed: {output}")
        left = sorted(file.name for file in output.parent.iterdir())
        if left != [output.name]:
            raise Difference(f"{what}: beside the output lies {left}")
        return run

    def output(self):
        self.number += 1
        folder = self.folder / f"run-{self.number}"
        folder.mkdir()
        return folder / "video.mp4"

    # Parts

    def undisturbed(self):
        for threads in [None] + self.options.threads:
            output = self.output()
            run = self.complete(
                self.command(output, threads), output, f"--threads {threads or 'default'}")
            if threads is None:
                self.durations = run.durations
            size = output.stat().st_size
            print(f"undisturbed, {threads or 'default'} threads: {self.wanted} ({size} bytes)")

    def moments(self):
        """Stages without end, each equally often, in a random order."""
        while True:
            stages = [PLANNING] + STAGES
            self.random.shuffle(stages)
            yield from stages

    def kill_and_resume(self):
        moments = self.moments()
        while len(self.kills) < self.options.kills:
            output = self.output()
            overwrites = self.number % 2 == 0
            if overwrites:
                output.write_bytes(OLD_OUTPUT)
            command = self.command(output, overwrites=overwrites)
            left = self.options.kills - len(self.kills)
            wanted = min(left, self.random.randint(1, 4))
            fell = [self.kill(command, output, next(moments)) for _ in range(wanted)]
            fell = [stage for stage in fell if stage]
            self.kills += fell
            self.finish(command, output, overwrites, fell)

    def kill(self, command, output, stage):
        """Kills a run in a stage, or after it; returns where it fell; None: too late."""
        run = Run(command)
        share = self.random.random()
        if run.await_stage(stage):
            time.sleep(share * self.durations.get(stage, 0))
        run.process.kill()
        status = run.end()
        isThere = output.exists() and output.read_bytes() != OLD_OUTPUT
        if isThere and self.digest(output) != self.wanted:
            raise Difference(f"killed in {run.stage}: a broken output: {output}")
        if status >= 0:
            if status not in (0, 73) or not isThere:
                raise Difference(f"status {status} after kills: {run.text[-3:]}")
            return None
        return "clearing away" if isThere else run.stage

    def finish(self, command, output, overwrites, fell):
        what = "killed in " + (", ".join(fell) or "no stage")
        if not overwrites and output.exists():
            # The job was done; what it kept may still lie there, and goes then.
            isCleared = [file.name for file in output.parent.iterdir()] == [output.name]
            status = Run(command).end()
            if status != (73 if isCleared else 0):
                raise Difference(f"{what}: the output is there, but the status is {status}")
            if self.digest(output) != self.wanted:
                raise Difference(f"{what}: the output was changed: {output}")
            left = sorted(file.name for file in output.parent.iterdir())
            if left != [output.name]:
                raise Difference(f"{what}: beside the output lies {left}")
            return
        self.complete(command, output, what)
        print(f"run {self.number:3}: {what}: the same bytes", flush=True)

    def run(self):
        subprocess.run(
            [self.options.program, "synthesize", "--geometry", "tiny", "--out", self.checkpoints,
             "-q"], check=True, stdout=subprocess.DEVNULL)
        self.undisturbed()
        self.kill_and_resume()
        counts = collections.Counter(self.kills)
        print(f"\n{'stage':16} {'seconds':>8} {'kills':>6}")
        for stage in [PLANNING] + STAGES:
            seconds = self.durations.get(stage, 0)
            print(f"{stage:16} {seconds:8.3f} {counts.pop(stage, 0):6}")
        for stage, count in counts.items():
            print(f"{stage:16} {'':8} {count:6}")
        print(f"{len(self.kills)} kills, every output has the same bytes")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--sampler", default="flow-unipc", choices=["flow", "flow-unipc", "flow-dpm++"])
    parser.add_argument("--acceleration", choices=["alp", "distill", "teacache"])
    parser.add_argument(
        "--threads", type=int, nargs="*", default=[1, 2, 4],
        help="numbers of threads that must give the same bytes")
    parser.add_argument(
        "--program", type=pathlib.Path, default=ROOT / ".build/release/flashportrait")
    parser.add_argument("--keep", action="store_true", help="leave all files in their folder")
    return parser.parse_args()


def main():
    options = arguments()
    if not options.program.exists():
        sys.exit(f"{options.program}: no such file; run: swift build -c release")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="flashportrait-resume-"))
    start = time.monotonic()
    try:
        Check(options, folder).run()
    except Difference as difference:
        print(f"FAILED: {difference}", file=sys.stderr)
        sys.exit(1)
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
