#!/usr/bin/env python3
"""Compares whole jobs of `flashportrait infer` with the same jobs in PyTorch (portrait_pipeline).

    python3 check_pipeline.py --program ../../.build/release/flashportrait [--only NAME]
        [--random N --seed N] [--geometry FILE.json] [--threads N] [--keep FOLDER]
    python3 check_pipeline.py --program ../../.build/release/flashportrait --fixture

The program synthesizes checkpoints, tiny ones unless told otherwise, and runs every case in float32
with a folder that keeps its work. Compared are: rows of prompt and negative prompt, rows of the
picture, the condition, latents after the last step (for cases that stop, after that one), each as
the largest difference relative to the largest value; and the pictures of the video, written without
loss but for the subsampling of their colours: brightness and colours in levels of 255.

With --fixture it writes one job and what it comes to, for WholeJobTests: `picture.png`,
`features.safetensors`, and `expected.safetensors` with the latents after each step and the means of
8 x 8 pixels of the video's frames.
Needs torch, diffusers, transformers, sentencepiece, Pillow, numpy, safetensors and ffmpeg.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from safetensors.torch import load_file

import portrait_pipeline
from portrait_pipeline import Job

# Largest differences that count as the same: relative to the largest value; levels of the video.
BOUNDS = {"picture rows": 2e-5, "prompt": 2e-5, "negative": 2e-5, "condition": 2e-5,
          "latents": 2e-5, "brightness": 1.6, "colour": 1.1}


@dataclasses.dataclass
class Case:
    job: Job
    picture: tuple  # rows, columns of the file
    frames: int  # of the features
    stop: int = None  # step after which our run ends


LONG = {"context_size": 3, "context_overlap": 1}
CASES = {
    "plain": Case(Job(), (80, 60), 9),
    "one_frame": Case(Job(), (48, 64), 1),
    "two_frames": Case(Job(max_size=48), (48, 48), 2),
    "four_frames": Case(Job(max_size=48), (48, 48), 4),
    "five_frames": Case(Job(max_size=48), (48, 48), 5),
    "published": Case(Job(length="published"), (33, 90), 12),
    "published_five": Case(Job(length="published", max_size=48), (40, 40), 5),
    "windows": Case(Job(**LONG, num_inference_steps=3), (64, 64), 20),
    "windows_published": Case(Job(**LONG, num_inference_steps=3, length="published"), (64, 48), 19),
    "windows_apart": Case(
        Job(context_size=2, context_overlap=0, num_inference_steps=3), (32, 48), 17),
    "windows_close": Case(
        Job(context_size=4, context_overlap=3, num_inference_steps=3), (48, 32), 20),
    "windows_divide_not": Case(
        Job(context_size=5, context_overlap=2, num_inference_steps=4), (48, 48), 37),
    "windows_of_51": Case(Job(max_size=32), (32, 32), 300),
    "no_guidance": Case(Job(emo_cfg_scale=1.0, **LONG), (64, 64), 13),
    "text": Case(Job(emo_cfg_scale=1.0, text_cfg_scale=3.0, **LONG), (64, 64), 13),
    "text_and_emo": Case(Job(text_cfg_scale=2.5, emo_cfg_scale=3.0, **LONG), (64, 64), 13),
    "emo_below_one": Case(Job(text_cfg_scale=0.5, emo_cfg_scale=0.5), (64, 64), 5),
    "text_zero": Case(Job(text_cfg_scale=0.0, emo_cfg_scale=2.0), (64, 64), 5),
    "strength": Case(Job(ip_scale=0.5), (64, 64), 7),
    "strength_zero": Case(Job(ip_scale=0.0, text_cfg_scale=2.0), (64, 64), 7),
    "skip": Case(Job(num_inference_steps=5, cfg_skip_ratio=0.35, **LONG), (48, 48), 11),
    "skip_all": Case(Job(cfg_skip_ratio=1.0), (48, 48), 5),
    "riflex": Case(Job(riflex_k=3, **LONG), (64, 64), 15),
    "unipc": Case(
        Job(sampler="flow-unipc", num_inference_steps=6, shift=3.0, **LONG), (64, 64), 17),
    "unipc_one": Case(Job(sampler="flow-unipc", num_inference_steps=1), (48, 48), 5),
    "dpm": Case(Job(sampler="flow-dpm++", num_inference_steps=6, **LONG), (64, 64), 17),
    "dpm_two": Case(Job(sampler="flow-dpm++", num_inference_steps=2), (48, 48), 5),
    "euler_shift": Case(Job(shift=3.0, num_inference_steps=6), (64, 64), 9),
    "seed": Case(Job(seed=4294967301), (64, 64), 9),
    "seed_zero": Case(Job(seed=0, prompt=""), (64, 64), 9),
    "texts": Case(Job(
        prompt="  A woman\tspeaks;\nblue wall, 1 < 2 &amp; &lt;3 \u5973\u5b69 e\u0301 \uff21 ",
        negative_prompt="word " * 300, text_cfg_scale=2.0), (64, 64), 5),
    "wide": Case(Job(max_size=112), (30, 91), 5),
    "given_size": Case(Job(size=(80, 48)), (70, 50), 6),
    "reduced": Case(Job(max_size=96), (400, 333), 5),
    "max_frames": Case(Job(max_frames=6), (64, 64), 11),
    "tiny_vae": Case(Job(tiny_vae=True), (64, 48), 9),
    "tile_vae": Case(Job(tile_vae=True, max_size=288, num_inference_steps=1), (256, 260), 5),
    "stopped": Case(Job(num_inference_steps=5, **LONG), (48, 48), 14, stop=2),
    "stopped_unipc": Case(
        Job(num_inference_steps=6, sampler="flow-unipc", **LONG), (48, 48), 14, stop=3),
}


def random_case(random):
    size = int(random.integers(2, 8))
    job = Job(
        context_size=size, context_overlap=int(random.integers(0, size)),
        num_inference_steps=int(random.integers(1, 6)),
        text_cfg_scale=float(random.choice([1, 1, 0.5, 3])),
        emo_cfg_scale=float(random.choice([1, 0, 2.5, 4])),
        ip_scale=float(random.choice([1, 1, 0.5, 0, 1.75])),
        sampler=str(random.choice(["flow", "flow-unipc", "flow-dpm++"])),
        shift=float(random.choice([5, 3, 1.5])), seed=int(random.integers(0, 2**33)),
        cfg_skip_ratio=float(random.choice([0, 0, 0.2, 0.5])),
        riflex_k=random.choice([None, None, 2, 5]),
        length=str(random.choice(["exact", "published"])),
        max_size=int(random.integers(17, 90)))
    return Case(job, tuple(int(n) for n in random.integers(20, 140, 2)),
                int(random.integers(5, 40)))


FIXTURE = pathlib.Path(__file__).parents[2] / "Tests/PortraitPipelineTests/Fixtures/whole_job"
# Two windows, blended over three frames; all predictions that guidance knows but one.
FIXTURE_CASE = Case(
    Job(max_size=48, context_size=5, context_overlap=3, num_inference_steps=2, text_cfg_scale=2.5,
        emo_cfg_scale=3.0, ip_scale=0.75, seed=7), (30, 44), 23)


def write_fixture(networks):
    FIXTURE.mkdir(parents=True, exist_ok=True)
    width = sum(portrait_pipeline.expression_models.PARTS.values())
    write_inputs(FIXTURE, FIXTURE_CASE, width, np.random.default_rng(1))
    made = portrait_pipeline.run(
        networks, FIXTURE_CASE.job, FIXTURE / "picture.png",
        portrait_pipeline.read_features(FIXTURE / "features.safetensors"))
    count, rows, columns, _ = made["frames"].shape
    blocks = made["frames"].reshape(count, rows // 8, 8, columns // 8, 8, 3).mean(axis=(2, 4))
    expected = {f"latents_{step}": value.numpy()
                for step, value in enumerate(made["steps"], start=1)}
    # What is not contiguous would be stored in another order.
    expected = {name: np.ascontiguousarray(value) for name, value in expected.items()}
    expected["blocks"] = np.ascontiguousarray(blocks, np.float32)
    save_file(expected, FIXTURE / "expected.safetensors",
              metadata={"job": json.dumps(dataclasses.asdict(FIXTURE_CASE.job))})


# Inputs


def write_inputs(folder, case, width, random):
    """A picture and features that change from frame to frame."""
    rows, columns = case.picture
    y, x = np.mgrid[0:rows, 0:columns]
    waves = [np.sin(x / 9 + y / (5 + 3 * c) + c) * 90 + 128 for c in range(3)]
    pixels = np.stack(waves, axis=-1) + random.normal(0, 12, (rows, columns, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "picture.png")
    steps = random.normal(0, 0.5, (case.frames, width)).cumsum(axis=0)
    save_file({"features": (steps + random.normal(0, 1, width)).astype(np.float32)},
              folder / "features.safetensors", metadata={"frame_rate": "25/1"})


def flags(job):
    """Every parameter, also where it has its default."""
    result = ["--length", job.length]
    if job.riflex_k:
        result += ["--riflex", "--riflex-k", str(job.riflex_k)]
    if job.size:
        result += ["--width", str(job.size[0]), "--height", str(job.size[1])]
    if job.max_frames:
        result += ["--max-frames", str(job.max_frames)]
    for field in dataclasses.fields(job):
        if field.name in ("length", "riflex_k", "size", "max_frames"):
            continue
        if field.type == "bool" or field.type is bool:
            result += [f"--{field.name.replace('_', '-')}"] if getattr(job, field.name) else []
            continue
        if field.name == "max_size" and job.size:
            continue
        result += [f"--{field.name.replace('_', '-')}", str(getattr(job, field.name))]
    return result


def run_ours(options, folder, case, tiny):
    command = [
        options.program, "infer", "--image", folder / "picture.png",
        "--features", folder / "features.safetensors", "--checkpoints", tiny,
        "--output", folder / "video.mp4", "--work-dir", folder / "work", "--dtype", "f32",
        "--crf", "0", "--preset", "ultrafast", "--threads", str(options.threads), "--quiet",
        *flags(case.job)]
    if case.stop:
        command += ["--stop-after-step", str(case.stop)]
    run = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{run.stderr}")


# Comparison


def difference(got, want):
    """The largest difference relative to the largest value."""
    if tuple(got.shape) != tuple(want.shape):
        return float("inf")
    return float((got.double() - want.double()).abs().max() / want.double().abs().max())


def cubic(x):
    """The bicubic kernel of ffmpeg's scaler."""
    x = np.abs(x)
    near = 1.4 * x**3 - 2.4 * x**2 + 1
    far = -0.6 * x**3 + 3 * x**2 - 4.8 * x + 2.4
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def halving(count, place):
    """[count / 2, count]: samples `place` of a step behind every second one."""
    result = np.zeros((count // 2, count))
    for sample in range(count // 2):
        for step in range(-5, 7):
            column = min(max(2 * sample + step, 0), count - 1)
            result[sample, column] += cubic((step - place) / 2)
    return result / result.sum(axis=1, keepdims=True)


def planes(frames):
    """BT.709 brightness [n, rows, columns] and colours [n, 2, rows / 2, columns / 2] of bytes.

    Colours lie where H.264 expects them: at the left one of two columns, between two rows.
    """
    r, g, b = np.moveaxis(frames.astype(np.float64), -1, 0)
    light = 0.2126 * r + 0.7152 * g + 0.0722 * b
    colours = np.stack([(b - light) / 1.8556, (r - light) / 1.5748], axis=1)
    rows, columns = (halving(colours.shape[2], 0.5), halving(colours.shape[3], 0))
    colours = np.einsum("ij,nkjl,ml->nkim", rows, colours, columns)
    return 16 + light * 219 / 255, 128 + colours * 224 / 255


def video_differences(path, frames):
    """Largest difference of brightness in levels, and of colours."""
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"],
        check=True, capture_output=True).stdout
    count, rows, columns, _ = frames.shape
    raw = np.frombuffer(raw, np.uint8)
    if raw.size != count * rows * columns * 3 // 2:
        return float("inf"), float("inf")
    raw = raw.reshape(count, -1).astype(np.float64)
    light, colours = planes(frames)
    pixels = rows * columns
    return (np.abs(raw[:, :pixels].reshape(light.shape) - light).max(),
            np.abs(raw[:, pixels:].reshape(colours.shape) - colours).max())


def compare(folder, case, made):
    """Differences by name."""
    work = {name: load_file(folder / "work" / f"{name}.safetensors")
            for name in ("text", "image", "condition", "latents")}
    step = case.stop or case.job.num_inference_steps
    result = {
        "prompt": difference(work["text"]["prompt"], made["prompt"]),
        "picture rows": difference(work["image"]["image"], made["image"]),
        "condition": difference(work["condition"]["condition"], made["condition"]),
        "latents": difference(work["latents"]["latents"], made["steps"][step - 1])}
    if case.job.text_cfg_scale != 1:
        result["negative"] = difference(work["text"]["negative_prompt"], made["negative_prompt"])
    if not case.stop:
        result["brightness"], result["colour"] = video_differences(
            folder / "video.mp4", made["frames"])
    return result


def check(name, case, options, networks, tiny, number):
    folder = options.keep / name
    folder.mkdir(parents=True)
    width = sum(portrait_pipeline.expression_models.PARTS.values())
    write_inputs(folder, case, width, np.random.default_rng(number))
    run_ours(options, folder, case, tiny)
    made = portrait_pipeline.run(
        networks, case.job, folder / "picture.png",
        portrait_pipeline.read_features(folder / "features.safetensors"))
    found = compare(folder, case, made)
    shape = "x".join(map(str, made["latents"].shape[1:]))
    print(f"{name:20s} {shape:9s} {len(made['windows'])} windows  "
          + "  ".join(f"{key} {value:.1e}" for key, value in found.items()), flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--random", type=int, default=0, help="cases drawn, instead of the listed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--geometry", default="tiny", help="as for 'synthesize'")
    parser.add_argument("--fixture", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path, help="a new folder for all files")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    random = np.random.default_rng(options.seed)
    cases = {f"random_{options.seed}_{n}": random_case(random) for n in range(options.random)}
    cases = cases or {
        name: case for name, case in CASES.items() if options.only in (None, name)}
    with tempfile.TemporaryDirectory() as folder:
        options.keep = options.keep or pathlib.Path(folder)
        options.keep.mkdir(parents=True, exist_ok=True)
        tiny = options.keep / "checkpoints"
        subprocess.run(
            [options.program, "synthesize", "--geometry", options.geometry, "--out", tiny, "-q"],
            check=True)
        networks = portrait_pipeline.Networks(tiny)
        if options.fixture:
            write_fixture(networks)
            return
        worst, wrong = {}, []
        for number, (name, case) in enumerate(cases.items()):
            found = check(name, case, options, networks, tiny, number + options.seed)
            for key, value in found.items():
                worst[key] = max(worst.get(key, 0), value)
            wrong += [f"{name}: {key}" for key, value in found.items() if not value <= BOUNDS[key]]
    print(f"worst of {len(cases)}:", "  ".join(f"{k} {v:.1e}" for k, v in worst.items()))
    if wrong:
        sys.exit("different: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
