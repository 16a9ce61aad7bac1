#!/usr/bin/env python3
"""Trains two small networks that find the example's face, for trying the program and for its tests.

    python3 train_example_networks.py detector|landmarks FOLDER [--steps N] [--heads N] [--seed N]
                                      [--threads N]

writes FOLDER/face_det.onnx or FOLDER/face_landmark.onnx, with the interface of the published
networks. All pictures come from one photograph, moved as in make_example.py, turned, scaled, lit
and disturbed, on backgrounds without faces: the networks know this one face. The same seed gives
the same networks on the same machine (20 minutes each).

Needs torch, onnx, numpy, scikit-image, opencv, and the program ffmpeg (for backgrounds).
"""

import argparse
import pathlib
import time

import numpy as np
import onnx
import torch
from torch.nn import functional

from example_face import networks, pictures, samples

# The program drops a face whose probability is below 1e-4: the logits are stretched after the
# training so that nothing else comes near a face.
STRETCH = 5.0


class Stream(torch.utils.data.IterableDataset):
    def __init__(self, heads, make, seed):
        self.heads, self.make, self.seed = heads, make, seed

    def __iter__(self):
        random = np.random.default_rng(self.seed)
        painter = pictures.Painter(*self.heads, random)
        while True:
            yield tuple(np.asarray(part, np.float32) for part in self.make(painter))


def detector_item(painter):
    picture, boxes = samples.detector_sample(painter)
    return picture, *samples.detector_answer(boxes)


def detector_loss(outputs, target, sides):
    scores, boxes = torch.cat(outputs[:3], dim=1)[..., 0], torch.cat(outputs[3:], dim=1)
    scores = scores.clamp(1e-6, 1 - 1e-6)
    wanted = (target == 1).float()
    # Focal: the many easy cells without a face count little.
    off = (scores - wanted).abs() ** 2
    entropy = functional.binary_cross_entropy(scores, wanted, reduction="none")
    count = wanted.sum().clamp(min=1)
    # A face that is none is worse than a cell that misses one: its neighbours find it too.
    weight = (target >= 0) * (2 - wanted)
    classes = (off * entropy * weight).sum() / count * 2
    found = target == 1
    logits = boxes[found].unflatten(-1, (4, 8))
    sides = sides[found].clamp(0, 6.99)
    low = sides.floor().long()
    share = sides - low
    logs = logits.log_softmax(dim=-1)
    spread = -(logs.gather(-1, low[..., None])[..., 0] * (1 - share)
               + logs.gather(-1, low[..., None] + 1)[..., 0] * share).sum() / count / 4
    expected = (logits.softmax(dim=-1) * torch.arange(8.0)).sum(dim=-1)
    common = torch.minimum(expected, sides)
    overlap = (common[:, :2] + common[:, 2:]).prod(1)
    union = (expected[:, :2] + expected[:, 2:]).prod(1) + (sides[:, :2] + sides[:, 2:]).prod(1)
    # A batch may hold no face: sums, not means.
    return classes + 0.5 * spread + (1 - overlap / (union - overlap + 1e-6)).sum() / count


def landmark_loss(outputs, coordinates, angles, face):
    points, turned, probability = outputs
    seen = face[:, None]
    error = functional.smooth_l1_loss(points, coordinates, beta=0.01, reduction="none")
    weights = torch.ones(222)
    weights[74:] = 2  # eyes, mouth and pupils move most
    points_loss = (error * seen * weights.repeat(2)).sum() / seen.sum() / 444
    turns = functional.smooth_l1_loss(2 * turned, 2 * angles, beta=0.1, reduction="none")
    sure = functional.binary_cross_entropy(
        probability[:, 0].clamp(1e-7, 1 - 1e-7), face, reduction="mean")
    return 100 * points_loss + 0.5 * (turns * seen).sum() / seen.sum() + 0.3 * sure


KINDS = {
    # network, sample, loss, batch, learning rate, file, input, outputs, float16 weights
    "detector": (
        networks.Detector, detector_item, detector_loss, 16, 4e-3, "face_det.onnx",
        (1, 3, 272, 160),
        [f"{part}_stride{stride}" for part in ("scores", "boxes") for stride in samples.STRIDES],
        False),
    "landmarks": (
        networks.Landmarks, samples.landmark_sample, landmark_loss, 32, 4e-3, "face_landmark.onnx",
        (1, 3, 128, 128), ["landmarks", "euler", "probability"], True),
}


def train(module, loader, loss_of, rate, steps):
    optimizer = torch.optim.AdamW(module.parameters(), rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    module.train()
    start, mean = time.monotonic(), None
    for step, (inputs, *answers) in zip(range(steps), loader):
        loss = loss_of(module(inputs), *answers)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 5)
        optimizer.step()
        schedule.step()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: loss {mean:.4f}, {time.monotonic() - start:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=KINDS)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--heads", type=int, default=1200, help="different poses to train on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    make, item, loss, batch, rate, name, shape, outputs, half = KINDS[options.network]
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    module = make()
    print(f"{sum(p.numel() for p in module.parameters())} weights", flush=True)
    heads = pictures.heads(options.heads, options.seed)
    loader = torch.utils.data.DataLoader(
        Stream(heads, item, options.seed), batch_size=batch, num_workers=1, prefetch_factor=4)
    train(module, loader, loss, rate, options.steps)
    if options.network == "landmarks":
        with torch.no_grad():
            module.face.weight *= STRETCH
            module.face.bias *= STRETCH
    options.folder.mkdir(parents=True, exist_ok=True)
    model = networks.export(module, shape, outputs, half)
    onnx.save(model, options.folder / name)
    print(f"{options.folder / name}: {(options.folder / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
