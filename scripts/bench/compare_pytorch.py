#!/usr/bin/env python3
"""Compares `flashportrait bench` with PyTorch (or OpenBLAS, or itself), runs interleaved.

The two sides take turns on the same cores with the same number of threads: ours, the peer's, ours,
the peer's ... A machine whose speed drifts slows both, so what counts is the ratio of each pair of
neighbours; the median of these is the result. PyTorch lives in a process of its own that has loaded
everything beforehand and sleeps while it is not its turn. The peak, to which both are related, is
the one that `flashportrait bench` measures in the same run.

    compare_pytorch.py gemm --m 4096 --k 5120 --n 13824 --dtype bf16
    compare_pytorch.py attention --heads 40 --head-dim 128 --length 4096
    compare_pytorch.py conv --in-channels 96 --out-channels 96 --height 128 --width 128 --frames 4
    compare_pytorch.py gemm --dtype f32 --isa avx512 --peer openblas
    compare_pytorch.py gemm --dtype int8 --peer ours --peer-dtype bf16
    compare_pytorch.py dit --frames 4 --height 64 --width 64

Needs a Python with PyTorch (not for --peer openblas or ours) and a release build. Exit code 1 where
a side fails, or where the median ratio is below --at-least.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import kernel_cases
import network_cases

CASES = {**kernel_cases.CASES, **network_cases.CASES}


class BenchmarkError(Exception):
    """A side did not deliver; the message says what to do."""


# MARK: The peer's process


def serve(case):
    """Answers each line on standard input with the seconds of `repeat` calls, as a JSON list."""
    import torch

    torch.set_num_threads(case.threads)
    torch.set_grad_enabled(False)
    call = CASES[case.name].prepare(case)
    call()
    hello = {"version": torch.__version__, "threads": torch.get_num_threads()}
    print(json.dumps(hello), flush=True)
    for _ in sys.stdin:
        seconds = []
        for _ in range(case.repeat):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        print(json.dumps(seconds), flush=True)


class PyTorchPeer:
    """PyTorch in a process of its own."""

    def __init__(self, case, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        for assignment in case.peer_env:
            name, _, value = assignment.partition("=")
            environment[name] = value
        request = dict(vars(case), threads=threads)
        self.process = subprocess.Popen(
            [case.python, os.path.abspath(__file__), "--serve", json.dumps(request)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        answer = self._answer()
        if answer["threads"] != threads:
            raise BenchmarkError(f"PyTorch uses {answer['threads']} threads instead of {threads}")
        self.name = f"PyTorch {answer['version']}"

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise BenchmarkError(
                "the PyTorch process ended; does --python name a Python with PyTorch?")
        return json.loads(line)

    def run(self):
        """The median seconds of a call. It has no peak of its own."""
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return {"seconds_median": statistics.median(self._answer())}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# MARK: flashportrait


class OwnBench:
    """`flashportrait bench` with fixed arguments; a process for each turn."""

    def __init__(self, case, dtype, threads=None, isa=None, extra=()):
        arguments = CASES[case.name].bench_arguments(case, dtype)
        self.command = [case.flashportrait, "bench", *map(str, arguments), "--repeat",
                        str(case.repeat), "--json", *extra]
        if threads:
            self.command += ["--threads", str(threads)]
        self.environment = dict(os.environ)
        if isa:
            self.environment["FLASHPORTRAIT_ISA"] = isa
        self.name = "flashportrait " + " ".join([dtype, *extra])

    def run(self):
        """The bench's figures: seconds_median, peak_gflops, isa, threads and more."""
        try:
            done = subprocess.run(
                self.command, capture_output=True, text=True, env=self.environment, check=False)
        except OSError as error:
            message = f"{self.command[0]}: {error.strerror}; build with: swift build -c release"
            raise BenchmarkError(message) from error
        if done.returncode != 0:
            raise BenchmarkError(f"{' '.join(self.command)}\n{done.stderr.strip()}")
        return json.loads(done.stdout)

    def close(self):
        """Nothing stays open between turns."""


def make_ours(case, threads):
    # Left to itself, flashportrait may choose OpenBLAS where that is the faster one.
    extra = ("--engine", "kernels") if case.peer == "openblas" else ()
    return OwnBench(case, case.dtype, threads, case.isa, extra)


def make_peer(case, threads):
    if case.peer == "pytorch":
        return PyTorchPeer(case, threads)
    if case.peer == "openblas":
        return OwnBench(case, "f32", threads, extra=("--engine", "openblas"))
    return OwnBench(case, case.peer_dtype, threads, isa=case.peer_isa)


# MARK: Comparison


def compare(case):
    """Runs all rounds; returns the report as a dictionary."""
    first = make_ours(case, case.threads).run()  # says how many threads it takes
    threads = first["threads"]
    ours = make_ours(case, threads)
    peer = make_peer(case, threads)
    rounds = []
    for number in range(case.rounds):
        figures = ours.run()
        time.sleep(case.pause)  # threads that still wait actively go to sleep
        other = peer.run()
        time.sleep(case.pause)
        rounds.append({
            "seconds": figures["seconds_median"],
            "peer_seconds": other["seconds_median"],
            "peak_gflops": figures["peak_gflops"],
            "peer_peak_gflops": other.get("peak_gflops", figures["peak_gflops"]),
            "ratio": other["seconds_median"] / figures["seconds_median"],
        })
        if not case.json:
            progress(number + 1, case.rounds, rounds[-1])
    peer.close()
    return report(case, first, peer.name, threads, rounds)


def progress(number, count, figures):
    print(f"round {number} of {count}: ours {figures['seconds']:.4f} s, "
          f"peer {figures['peer_seconds']:.4f} s, ratio {figures['ratio']:.2f}",
          file=sys.stderr, flush=True)


def side(name, rounds, prefix, work):
    """One side's figures; its share of the peak is taken round by round."""
    seconds = [figures[prefix + "seconds"] for figures in rounds]
    shares = [work / figures[prefix + "seconds"] / 1e9 / figures[prefix + "peak_gflops"]
              for figures in rounds]
    return {
        "name": name,
        "seconds_median": statistics.median(seconds),
        "seconds_min": min(seconds),
        "gflops": work / statistics.median(seconds) / 1e9,
        "share_of_peak": statistics.median(shares),
    }


def report(case, first, peer_name, threads, rounds):
    # What our bench counts: the same work for both.
    work = first["gflops"] * first["seconds_median"] * 1e9
    ratios = [figures["ratio"] for figures in rounds]
    return {
        "case": " ".join(map(str, CASES[case.name].bench_arguments(case, case.dtype))),
        "isa": first["isa"],
        "threads": threads,
        "ours": side(f"flashportrait {case.dtype}", rounds, "", work),
        "peer": side(peer_name, rounds, "peer_", work),
        "peak_gflops_median": statistics.median(figures["peak_gflops"] for figures in rounds),
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "rounds": rounds,
    }


def print_table(result):
    print(f"{result['case']}: {result['isa']}, {result['threads']} threads, "
          f"{len(result['rounds'])} rounds")
    print(f"{'':40}{'median s':>10}{'least s':>10}{'GFLOP/s':>10}{'of peak':>9}")
    for figures in (result["ours"], result["peer"]):
        print(f"{figures['name']:40}{figures['seconds_median']:10.4f}{figures['seconds_min']:10.4f}"
              f"{figures['gflops']:10.0f}{figures['share_of_peak']:9.0%}")
    print(f"{'peak of ours':40}{'':20}{result['peak_gflops_median']:10.0f}")
    print(f"ours is {result['ratio_median']:.2f} times as fast "
          f"(median of pairs; {result['ratio_min']:.2f} to {result['ratio_max']:.2f})")


# MARK: Arguments


def parse_arguments():
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--flashportrait", metavar="PATH", default=os.path.join(
        root, ".build/release/flashportrait"))
    common.add_argument("--python", default=sys.executable, help="a Python with PyTorch")
    common.add_argument("--peer", choices=["pytorch", "openblas", "ours"], default="pytorch")
    common.add_argument("--peer-dtype", default="bf16", help="with --peer ours")
    common.add_argument("--peer-isa", help="with --peer ours: its FLASHPORTRAIT_ISA")
    common.add_argument("--peer-env", action="append", default=[], metavar="NAME=VALUE",
                        help="environment of PyTorch, such as ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16")
    common.add_argument("--isa", help="our FLASHPORTRAIT_ISA")
    common.add_argument("--threads", type=int, help="of both; default: what flashportrait takes")
    common.add_argument("--cpus", help="run both on these processors only, such as 0,1")
    common.add_argument("--rounds", type=int, default=7)
    common.add_argument("--repeat", type=int, default=3, help="calls in a turn")
    common.add_argument("--pause", type=float, default=0.05, help="seconds between turns")
    common.add_argument("--at-least", type=float, help="fail where the median ratio is below")
    common.add_argument("--json", action="store_true")

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = parser.add_subparsers(dest="name", required=True)
    for name, kind in CASES.items():
        kind.add_arguments(cases.add_parser(name, parents=[common], help=kind.help))
    case = parser.parse_args()
    if case.peer == "pytorch" and case.dtype == "int8":
        parser.error("PyTorch has no int8 linear of this kind: use --peer ours")
    if case.peer == "openblas" and case.dtype != "f32":
        parser.error("OpenBLAS multiplies float32 only: use --dtype f32")
    if case.rounds < 1 or case.repeat < 1:
        parser.error("--rounds and --repeat must be at least 1")
    return case


def main():
    if sys.argv[1:2] == ["--serve"]:
        serve(argparse.Namespace(**json.loads(sys.argv[2])))
        return 0
    case = parse_arguments()
    if case.cpus:
        os.sched_setaffinity(0, [int(number) for number in case.cpus.split(",")])
    try:
        result = compare(case)
    except BenchmarkError as error:
        print(f"compare_pytorch: {error}", file=sys.stderr)
        return 1
    if case.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)
    if case.at_least and result["ratio_median"] < case.at_least:
        print(f"below the {case.at_least} asked for", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
