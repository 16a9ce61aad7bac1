#!/usr/bin/env python3
"""From a driving video to expression features with onnxruntime, OpenCV and PyTorch.

    python3 run_face_path.py VIDEO --detector face_det.onnx --landmarks face_landmark.onnx
        [--motion [WEIGHTS]] [--out F.safetensors] [--overlay O.mp4] [--sheet S.png]
        [--threads N] [--limit N] [--max-side N]

As published (face_path.py): two runs over the video, and the largest face of each frame. Writes
landmarks, rectangles, angles and features of the frames that have a face, and prints the
milliseconds that each part takes. `--motion` computes the features, without a file with weights by
formula.

Needs numpy, opencv, onnxruntime; safetensors for --out; torch for --motion; ffmpeg for --overlay.
"""

import argparse
import collections
import subprocess
import time

import cv2
import numpy as np

from face_path import (
    ROUNDS, Clock, Tracker, align, area, boxes_of, detector_input, motion_crop)


def frames_of(path, limit, most):
    """BGR pictures, reduced or enlarged so that the longer side is `most` (0: as they are)."""
    video = cv2.VideoCapture(path)
    index = 0
    while limit is None or index < limit:
        fine, frame = video.read()
        if not fine:
            break
        if most:
            scale = most / max(frame.shape[:2])
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        yield index, frame
        index += 1
    if index == 0:
        raise SystemExit(f"{path}: no frame could be read")


class Networks:
    def __init__(self, options, clock):
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        self.clock = clock
        self.detector, self.landmarks = (
            onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
            for path in (options.detector, options.landmarks))
        self.motion = motion_network(options.motion, options.threads) if options.motion else None

    def detect(self, bgr):
        with self.clock("picture for detector"):
            _, pixels, matrix = detector_input(bgr)
        with self.clock("detector network"):
            outputs = self.detector.run(None, {self.detector.get_inputs()[0].name: pixels})
        with self.clock("detector's boxes"):
            return boxes_of(outputs[:3], outputs[3:], matrix, bgr.shape[1], bgr.shape[0])[0]

    def landmark(self, crop):
        pixels = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / 255
        outputs = self.landmarks.run(None, {self.landmarks.get_inputs()[0].name: pixels})
        return [output.reshape(-1) for output in outputs[:2]] + [outputs[2].reshape(-1)[0]]

    def align(self, bgr, box, points):
        return align(bgr, box, points, self.landmark, self.clock)[:3]

    def features(self, bgr, points):
        with self.clock("crop for features"):
            crop = motion_crop(bgr, points)
        with self.clock("motion network"):
            return self.motion(crop)


def motion_network(weights, threads):
    import torch

    import expression_models
    import procedural

    torch.set_num_threads(threads)
    module = expression_models.MotionEncoder()
    if weights == "formula":
        procedural.fill(module, lambda name: name)
    else:
        module.load_state_dict(torch.load(weights, map_location="cpu"))
    module.eval()

    @torch.inference_mode()
    def run(crop):
        parts, _ = module(torch.from_numpy(crop)[None])
        return torch.cat([parts[part][0] for part in ("headpose", "eye", "emo", "mouth")]).numpy()

    return run


def two_runs(options, networks):
    """Per frame with a face: index, record's points, box and angles, features."""
    tracker, first = Tracker(networks.detect, networks.align), {}
    for index, frame in frames_of(options.video, options.limit, options.max_side):
        records = tracker(frame)
        if records:
            first[index] = max(records, key=area).box
    tracker = Tracker(networks.detect, networks.align)
    for index, frame in frames_of(options.video, options.limit, options.max_side):
        records = tracker(frame, first[index]) if index in first else []
        if records:
            record = max(records, key=area)
            features = networks.features(frame, record.points) if networks.motion else None
            yield index, frame, record, first[index], features
        else:
            yield index, frame, None, None, None


def drawn(frame, index, record):
    picture = frame.copy()
    if record is not None:
        low, high = record.box[:2], record.box[2:]
        cv2.rectangle(picture, tuple(map(int, low)), tuple(map(int, high)), (0, 200, 255), 1)
        for point in np.rint(record.points).astype(int):
            cv2.circle(picture, tuple(map(int, point)), 1, (0, 255, 0), -1)
    cv2.putText(picture, str(index), (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    return picture


def write_overlay(path, pictures):
    height, width = pictures[0].shape[:2]
    subprocess.run(
        ["ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s",
         f"{width}x{height}", "-r", "25", "-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2",
         "-pix_fmt", "yuv420p", path],
        input=b"".join(picture.tobytes() for picture in pictures), check=True)


def write_sheet(path, pictures, columns=6, count=24):
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, count).astype(int)]
    scale = 300 / chosen[0].shape[1]
    small = [cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for p in chosen]
    cv2.imwrite(path, np.vstack(
        [np.hstack(small[i:i + columns]) for i in range(0, count, columns)]))


def report(clock, frames, seconds):
    for part, (spent, calls) in clock.parts.items():
        each, often = 1000 * spent / calls, calls / frames
        print(f"{part:22} {each:8.3f} ms a call, {often:5.2f} calls a frame")
    mean = {part: 1000 * spent / calls for part, (spent, calls) in clock.parts.items()}
    once = sum(ms * (ROUNDS if "landmark" in part else 1) for part, ms in mean.items())
    print(f"one detection, {ROUNDS} landmark rounds and features, each once: {once:.2f} ms a frame")
    print(f"the whole path, reading included: {1000 * seconds / frames:.2f} ms a frame")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--landmarks", required=True)
    parser.add_argument("--motion", nargs="?", const="formula", help="weights of PD-FGC (.pth)")
    parser.add_argument("--out")
    parser.add_argument("--overlay")
    parser.add_argument("--sheet")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, help="frames to read")
    parser.add_argument("--max-side", type=int, default=0, help="scale the frames to this side")
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    clock = Clock()
    networks = Networks(options, clock)
    rows, pictures, count = collections.defaultdict(list), [], 0
    start = time.perf_counter()
    for index, frame, record, rectangle, features in two_runs(options, networks):
        count += 1
        if options.overlay or options.sheet:
            pictures.append(drawn(frame, index, record))
        if record is None:
            continue
        rows["frames"].append(np.int32(index))
        rows["landmarks"].append(record.points.astype(np.float32))
        rows["boxes"].append(record.box.astype(np.float32))
        rows["first_run_boxes"].append(rectangle.astype(np.float32))
        rows["euler"].append(record.angles.astype(np.float32))
        if features is not None:
            rows["features"].append(features)
    seconds = time.perf_counter() - start
    print(f"{len(rows['frames'])} of {count} frames have a face")
    report(clock, count, seconds)
    if options.out:
        from safetensors.numpy import save_file

        save_file({name: np.array(values) for name, values in rows.items()}, options.out)
    if options.overlay:
        write_overlay(options.overlay, pictures)
    if options.sheet:
        write_sheet(options.sheet, pictures)


if __name__ == "__main__":
    main()
