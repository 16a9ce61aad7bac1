#!/usr/bin/env python3
"""Says how well the example's networks find its face in pictures that they were not trained on.

    python3 check_example_networks.py FOLDER [--count N] [--seed N]

FOLDER holds face_det.onnx and face_landmark.onnx. The pictures are made as for the training, with
other poses, places and disturbances. Landmark errors are mean distances of a face's points, as a
share of the longer side of their extent. Needs onnxruntime, and what train_example_networks.py
needs.
"""

import argparse
import pathlib
import sys

import numpy as np
import onnxruntime

from example_face import pictures, samples

sys.path.append(str(pathlib.Path(__file__).parent / "reference"))
import face_path  # noqa: E402


def session(path):
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])


def percentiles(values):
    return ", ".join(
        f"{p} % of them below {np.percentile(values, p):.4g}" for p in (50, 95, 99, 100))


def check_landmarks(network, painter, count):
    errors, angles, faces, others = [], [], [], []
    for _ in range(count):
        crop, coordinates, euler, face = samples.landmark_sample(painter)
        points, turned, probability = network.run(None, {"input": crop[None]})
        if not face:
            others.append(probability.item())
            continue
        faces.append(probability.item())
        want, got = (np.reshape(x, (2, 222)).T for x in (coordinates, points))
        size = (want.max(axis=0) - want.min(axis=0)).max()
        errors.append(np.hypot(*(got - want).T).mean() / size)
        angles.append(np.abs(np.degrees(turned[0] - euler)))
    print(f"landmarks of {len(errors)} crops with a face: error {percentiles(errors)}")
    print("angles off by", np.mean(angles, axis=0).round(2), "degrees: pitch, yaw, roll")
    print(f"probability with a face: lowest {min(faces):.2g}, "
          f"{np.mean(np.array(faces) < 0.5):.2%} below 0.5")
    print(f"probability of {len(others)} crops without: highest {max(others):.2g}, "
          f"{np.mean(np.array(others) > 1e-4):.2%} above 1e-4")


def check_detector(network, painter, count):
    wrong, overlaps, lengths, found = 0, [], [], []
    for _ in range(count):
        picture, boxes = samples.detector_sample(painter)
        outputs = network.run(None, {"input": picture[None].astype(np.float32)})
        got = face_path.suppressed(face_path.candidates(outputs[:3], outputs[3:]))
        shares = np.array([[face_path.intersection_share(a, b) for b in boxes] for a in got])
        shares = shares.reshape(len(got), len(boxes))
        wrong += int((shares.max(axis=1) < 0.4).sum()) if len(boxes) else len(got)
        for index, box in enumerate(boxes):
            overlaps.append(shares[:, index].max() if len(got) else 0)
            lengths.append((box[2:] - box[:2]).max())
            found.append(overlaps[-1] > 0.5)
    lengths, found, overlaps = map(np.array, (lengths, found, overlaps))
    for low, high in ((0, 20), (20, 40), (40, 80), (80, 160), (160, 300)):
        chosen = (lengths >= low) & (lengths < high)
        if chosen.any():
            print(f"boxes of {low} to {high} px: {found[chosen].mean():.2%} of {chosen.sum()} "
                  f"found, overlap {overlaps[chosen & found].mean():.3f}")
    print(f"{wrong} wrong boxes in {count} pictures")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    painter = pictures.Painter(
        *pictures.heads(60, options.seed), np.random.default_rng(options.seed))
    check_landmarks(session(options.folder / "face_landmark.onnx"), painter, options.count)
    check_detector(session(options.folder / "face_det.onnx"), painter, options.count)


if __name__ == "__main__":
    main()
