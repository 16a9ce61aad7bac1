#!/usr/bin/env python3
"""Writes golden cases of the face path without its networks: geometry and crops, the detector's
boxes, rounds of landmarks, smoothing, tracking.

    python3 check_faces.py FOLDER [--seed N]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

The models here are written after the description of each step, apart from the Swift code: arrays
where that has loops, OpenCV's matrices and warps, scikit-image's similarity transform. `python3
check_faces.py --goldens` compares them with the golden files of their kinds. Needs numpy,
safetensors, opencv (4.x) and scikit-image.
"""

import argparse
import json
import pathlib

import cv2
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from skimage.transform import SimilarityTransform

from golden_case import Case

POINTS = 222
ANCHORS = [182, 202, 36, 149, 133]
PLACES = np.array(
    [[0.3843, 0.27], [0.62, 0.2668], [0.503, 0.4185], [0.406, 0.5273], [0.5977, 0.525]]) * 224
WIDTH, HEIGHT = 160, 272
CROP = {"atol": 3, "rtol": 0, "rms": 0.6, "share_over": [1, 0.02]}


# Geometry


def detector_matrix(width, height):
    ratio = min(WIDTH / width, HEIGHT / height)
    to_origin, back = np.eye(3), np.eye(3)
    to_origin[:2, 2] = -width / 2, -height / 2
    back[:2, 2] = WIDTH / 2, HEIGHT / 2
    return back @ np.diag([ratio, ratio, 1]) @ to_origin


def box_matrix(box, degrees=0.0, size=128):
    left, top, right, bottom = map(float, box)
    centre = (left + right) / 2, (top + bottom) / 2
    scale = size / max(right - left, bottom - top) * 0.85
    matrix = cv2.getRotationMatrix2D(centre, degrees, scale)
    matrix[:, 2] += size / 2 - np.array(centre)
    return matrix


def apply(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def eye_angle(points):
    x, y = points[96] - points[74]
    return np.degrees(np.arctan2(y, x + 1e-8))


def points_matrix(points, degrees=None, size=128):
    points = points.astype(np.float64)
    degrees = eye_angle(points) if degrees is None else degrees
    turned = apply(cv2.getRotationMatrix2D((0.0, 0.0), degrees, 1.0), points)
    scale = size / np.ptp(turned, axis=0).max() * 0.85
    matrix = cv2.getRotationMatrix2D((0.0, 0.0), degrees, scale)
    crop = apply(matrix, points)
    matrix[:, 2] += size / 2 - (crop.min(0) + crop.max(0)) / 2
    return matrix


def similarity(points):
    return SimilarityTransform.from_estimate(points.astype(np.float64), PLACES).params[:2]


def affine(picture, matrix, size, flags=cv2.INTER_LINEAR):
    return cv2.warpAffine(picture, matrix, (size, size), flags=flags)


def geometry(inputs):
    """The outputs of a case of kind face_geometry."""
    picture, points = inputs["input.bgr"], inputs["input.landmarks"]
    box, height, width = inputs["input.box"], *picture.shape[:2]
    matrices = {"box": box_matrix(box), "points": points_matrix(points)}
    motion = similarity(points[ANCHORS])
    view = detector_matrix(width, height)
    image = cv2.warpPerspective(picture, view, (WIDTH, HEIGHT))
    mean, deviation = np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])
    normal = (image.astype(np.float32) / 255 - mean / 255) / (deviation / 255)
    in_crop = apply(matrices["points"], points.astype(np.float64))
    outputs = {
        "box_matrix": matrices["box"], "box_matrix_17_5": box_matrix(box, 17.5),
        "box_crop": affine(picture, matrices["box"], 128),
        "points_matrix": matrices["points"],
        "points_crop": affine(picture, matrices["points"], 128),
        "points_to_crop": in_crop,
        "points_back": apply(cv2.invertAffineTransform(matrices["points"]), in_crop),
        "eye_angle_degrees": np.array([eye_angle(points.astype(np.float64))]),
        "umeyama": motion, "motion_crop": affine(picture, motion, 224, cv2.INTER_CUBIC),
        "detector_matrix": view, "detector_image": image,
        "detector_input_sub": normal.transpose(2, 0, 1)[None, :, ::4, ::4],
        "similarity_matrices": np.stack([similarity(p) for p in inputs["input.similarity_points"]])}
    for index, (w, h) in enumerate(inputs["input.resize_shapes"]):
        outputs[f"resize_matrix_{index}"] = detector_matrix(w, h)
    return outputs


# Detector


def boxes_of(inputs, number, width, height, config):
    """Boxes and scores of one picture."""
    boxes, scores = [], []
    for stride in config["strides"]:
        score = inputs[f"input.scores_{number}_stride{stride}"].reshape(-1)
        logits = inputs[f"input.boxes_{number}_stride{stride}"].reshape(-1, 4, 8).astype(np.float64)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        sides = (weights / weights.sum(-1, keepdims=True) @ np.arange(8)) * stride
        columns = -(-WIDTH // stride)
        corner = np.stack(np.divmod(np.arange(len(score)), columns)[::-1], -1) * stride
        best = np.argsort(-score, kind="stable")[: config["candidates_per_level"]]
        boxes.append(np.hstack([corner - sides[:, :2], corner + sides[:, 2:]])[best])
        scores.append(score[best])
    boxes, scores = np.concatenate(boxes), np.concatenate(scores)
    chosen = scores > config["prob_threshold"]
    boxes, scores = boxes[chosen], scores[chosen]
    order = np.argsort(-scores, kind="stable")[: config["nms_candidates"]]
    kept = []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[order, :2])
        high = np.minimum(boxes[first, 2:], boxes[order, 2:])
        common = np.prod(np.clip(high - low, 0, None), -1)
        area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), -1)
        order = order[common / (area[first] + area[order] - common + 1e-5) <= 0.3]
    back = np.linalg.inv(detector_matrix(width, height))
    corners = boxes[kept].reshape(-1, 2) @ back[:2, :2].T + back[:2, 2]
    limits = np.tile([width, height], 2)
    whole = np.trunc(np.clip(corners.reshape(-1, 4), 0, limits)).astype(np.int32)
    return whole, scores[kept]


def detector(inputs, config):
    outputs = {}
    for number, image in enumerate(config["images"]):
        found = boxes_of(inputs, number, image["image_width"], image["image_height"], config)
        outputs[f"boxes_{number}"], outputs[f"scores_{number}"] = found
    return outputs


# Alignment


def alignment(inputs):
    picture = inputs["input.bgr"]
    answers = inputs["input.network_landmarks"].reshape(-1, 2, POINTS).transpose(0, 2, 1)
    starts = {
        "box": box_matrix(inputs["input.box"]),
        "points": points_matrix(inputs["input.previous_landmarks"])}
    outputs = {}
    for name, matrix in starts.items():
        for index, answer in enumerate(answers.astype(np.float64)):
            crop = affine(picture, matrix, 128)
            if index == 0:
                outputs[f"{name}_first_crop"] = crop
            landmarks = apply(cv2.invertAffineTransform(matrix), answer * 128)
            used, angle = matrix, eye_angle(answer)
            matrix = points_matrix(landmarks, angle)
        euler = np.array([*inputs["input.network_euler"][index][:2], np.radians(angle)])
        outputs |= {
            f"{name}_crop": crop, f"{name}_matrix": used, f"{name}_landmarks": landmarks,
            f"{name}_euler": euler}
    return outputs


# Smoothing


class Smoother:
    """points, points whose movement counts, t0, t1, a0, a1"""

    PARTS = [
        ((0, 33), (9, 24), 0.005, 0.02, 0.05, 0.3), ((33, 48), None, 0.003, 0.02, 0.03, 0.7),
        ((48, 74), None, 0.003, 0.02, 0.02, 0.5), ((74, 96), None, 0.003, 0.02, 0.03, 0.7),
        ((96, 118), None, 0.003, 0.02, 0.03, 0.7), ((118, 182), None, 0.003, 0.02, 0.05, 0.7),
        ((182, 202), None, 0.003, 0.02, 0.03, 0.7), ((202, 222), None, 0.003, 0.02, 0.03, 0.7)]

    def __init__(self):
        self.previous, self.speed = None, np.zeros((POINTS, 2))

    def __call__(self, points, distance):
        points = points.astype(np.float64)
        if self.previous is None:
            self.previous = points
            return points
        step = points - self.previous
        result = self.previous.copy()
        for (a, b), moving, t0, t1, a0, a1 in self.PARTS:
            low, high = moving or (a, b)
            share = np.linalg.norm(step[low:high], axis=1).mean() / distance
            if share == 0:
                continue  # the published code divides by zero
            cutoff = a0 * share / t0 if share < t0 else float(
                np.interp(share, [t0, t1], [a0, a1]))
            turn = 2 * np.pi * cutoff
            rate = turn / (turn + 1)
            speed = rate * step[a:b] / cutoff + (1 - rate) * self.speed[a:b]
            adapted = turn * (1 + cutoff * np.abs(speed))
            result[a:b] += adapted / (adapted + 1) * step[a:b]
            self.speed[a:b] = speed
        self.previous = result
        return result


def smoothing(inputs):
    smoother = Smoother()
    frames = zip(inputs["input.landmarks"], inputs["input.face_distance"].astype(np.float64))
    return {"smoothed": np.stack([smoother(points, distance) for points, distance in frames])}


# Tracking


class Scene:
    """The stubs that the published case describes."""

    def __init__(self, inputs):
        self.landmarks, self.euler, self.prob, self.visible = (
            inputs[f"input.{name}"] for name in ("landmarks", "euler", "prob", "visible"))

    def boxes(self, frame):
        faces = self.landmarks[frame][self.visible[frame] == 1].astype(np.float64)
        low, high = faces.min(1), faces.max(1)
        return np.trunc(np.hstack([low - [3, 2], high + [2, 4]])) if len(faces) else []

    def align(self, frame, place):
        means = self.landmarks[frame].astype(np.float64).mean(1)
        face = int(np.argmin(((means - place) ** 2).sum(1)))
        return (part[frame, face] for part in (self.landmarks, self.euler, self.prob))


class Record:
    def __init__(self, box):
        self.box = np.asarray(box, np.float64)
        self.points, self.smoother = None, Smoother()
        self.distance = np.hypot(*(self.box[2:] - self.box[:2]))

    def follow(self, scene, frame):
        place = (self.box[:2] + self.box[2:]) / 2 if self.points is None else self.points.mean(0)
        points, euler, probability = scene.align(frame, place)
        if probability < 1e-4:
            return False
        self.points = self.smoother(points, self.distance)
        self.box = np.concatenate([self.points.min(0), self.points.max(0)])
        turn = np.degrees(abs(float(euler[0])) + 0.6 * abs(float(euler[1])))
        self.distance = np.linalg.norm(self.points[0] - self.points[32]) * (1 + turn / 18)
        return True

    @property
    def area(self):
        return np.prod(self.box[2:] - self.box[:2])

    def overlap(self, other):
        size = np.minimum(self.box[2:], other.box[2:]) - np.maximum(self.box[:2], other.box[:2])
        common = np.prod(np.maximum(size, 0))
        return common / (self.area + other.area - common)


def advance(records, scene, frame, given=None):
    new = [given] if given is not None and not records else scene.boxes(frame)
    found = [r for r in [*records, *map(Record, new)] if r.follow(scene, frame)]
    going = {i for i, r in enumerate(found) if (r.box[2:] - r.box[:2]).min() < 96}
    for i, first in enumerate(found):
        for j, second in enumerate(found):
            if i != j and not going & {i, j} and first.overlap(second) > 0.12:
                going.add(i if first.area < second.area else j)
    return [r for i, r in enumerate(found) if i not in going]


def tracking(inputs, places=6):
    scene = Scene(inputs)
    frames = len(scene.visible)
    outputs = {
        "counts": np.zeros(frames, np.int32), "face_rects": np.full((frames, places, 4), -1.0),
        "face_distances": np.full((frames, places), -1.0),
        "first_points": np.zeros((frames, places, 2))}
    records, largest = [], {}
    for frame in range(frames):
        records = advance(records, scene, frame)
        outputs["counts"][frame] = len(records)
        for place, record in enumerate(records):
            outputs["face_rects"][frame, place] = record.box
            outputs["face_distances"][frame, place] = record.distance
            outputs["first_points"][frame, place] = record.points[0]
        if records:
            largest[frame] = max(records, key=lambda r: r.area).box
    records, read = [], {}
    for frame, box in largest.items():
        records = advance(records, scene, frame, box)
        if records:
            read[frame] = max(records, key=lambda r: r.area).points
    outputs["two_pass_frames"] = np.array(list(read), np.int32)
    outputs["two_pass_rects"] = np.stack(list(largest.values()))
    outputs["two_pass_landmarks"] = np.stack(list(read.values()))
    return outputs


# Random inputs


def picture(random, height, width):
    small = random.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3)).astype(np.float32)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + random.normal(0, 2, smooth.shape), 0, 255).astype(np.uint8)


def face(random, centre, size, degrees=0.0):
    """Landmarks about a place, with the anchors where a face has them."""
    points = random.uniform(-0.5, 0.5, (POINTS, 2)) * [0.8, 1.0]
    points[[0, 32]] = [-0.45, 0.0], [0.45, 0.0]
    points[ANCHORS] = PLACES / 224 - [0.5, 0.4]
    points[[74, 96]] = [-0.3, -0.1], [0.3, -0.1]
    points += random.normal(0, 0.005, points.shape)
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T * size + centre).astype(np.float32)


def geometry_inputs(random):
    height, width = random.integers(90, 500, 2)
    size = random.uniform(40, 300)
    points = face(random, random.uniform(0, 1, 2) * [width, height], size, random.uniform(-60, 60))
    low = points.min(0).astype(np.int32)
    return {
        "input.bgr": picture(random, height, width), "input.landmarks": points,
        "input.box": np.concatenate([low, low + random.integers(20, 300, 2)]).astype(np.int32),
        "input.resize_shapes": random.integers(16, 4000, (7, 2)).astype(np.int32),
        "input.similarity_points": np.stack([
            PLACES @ random.normal(0, 1, (2, 2)) + random.uniform(-500, 500, 2)
            + random.normal(0, 5, (5, 2)) for _ in range(40)]).astype(np.float32)}


def detector_inputs(random, images, ties):
    inputs = {}
    for number in range(len(images)):
        for stride in (8, 16, 32):
            cells = -(-WIDTH // stride) * -(-HEIGHT // stride)
            score = random.beta(0.6, 1.2, (cells, 1))
            if ties:  # a few values, the threshold itself among them
                score = np.round(score * 5) / 5
            inputs[f"input.scores_{number}_stride{stride}"] = score.astype(np.float32)
            inputs[f"input.boxes_{number}_stride{stride}"] = random.normal(
                0, 3, (cells, 32)).astype(np.float32)
    return inputs


def alignment_inputs(random):
    height, width = random.integers(120, 500, 2)
    answers = [
        face(
            random, random.uniform(0.45, 0.55, 2), random.uniform(0.6, 0.9),
            random.uniform(-25, 25))
        for _ in range(3)]
    middle = np.array([width, height]) / 2
    size = random.uniform(60, 250)
    box = np.concatenate([middle - size / 2, middle + size * random.uniform(0.4, 0.7, 2)])
    return {
        "input.bgr": picture(random, height, width), "input.box": box.astype(np.int32),
        "input.network_landmarks": np.stack([a.T.reshape(-1) for a in answers]),
        "input.network_euler": random.normal(0, 0.4, (3, 3)).astype(np.float32),
        "input.previous_landmarks": face(random, middle, size, random.uniform(-40, 40))}


def smoothing_inputs(random, frames):
    size = random.uniform(50, 400)
    still = face(random, (500, 400), size).astype(np.float64)
    # From tremor to jumps, so that every branch of the response is taken.
    amounts = size * 10 ** random.uniform(-4, -1, (frames, 1, 1))
    steps = random.normal(0, 1, (frames, POINTS, 2)) * amounts
    drift = np.cumsum(random.normal(0, 1, (frames, 1, 2)) * size * 0.02, 0)
    points = still + drift + steps
    points[1] = points[0]  # a video that begins with a still
    return {
        "input.landmarks": points.astype(np.float32),
        "input.face_distance": (size * random.uniform(0.8, 2, frames)).astype(np.float32)}


def tracking_inputs(random, frames, faces):
    start, end = random.uniform([100, 100], [1100, 600], (2, faces, 2))
    size = random.uniform(60, 260, (2, faces))
    landmarks = np.empty((frames, faces, POINTS, 2), np.float32)
    shapes = [face(random, (0, 0), 1) for _ in range(faces)]
    for frame in range(frames):
        t = frame / max(frames - 1, 1)
        for k in range(faces):
            middle = (1 - t) * start[k] + t * end[k]
            shape = shapes[k] + random.normal(0, 0.002, (POINTS, 2))
            landmarks[frame, k] = shape * ((1 - t) * size[0, k] + t * size[1, k]) + middle
    return {
        "input.landmarks": landmarks,
        "input.euler": random.normal(0, 0.3, (frames, faces, 3)).astype(np.float32),
        "input.prob": np.where(random.uniform(size=(frames, faces)) < 0.1, 5e-5, 0.9).astype(
            np.float32),
        "input.visible": (random.uniform(size=(frames, faces)) < 0.75).astype(np.int32)}


# Cases

KINDS = {
    "face_geometry": lambda inputs, config: geometry(inputs),
    "face_detector_postprocess": detector,
    "face_alignment": lambda inputs, config: alignment(inputs),
    "smoother": lambda inputs, config: smoothing(inputs),
    "tracking": lambda inputs, config: tracking(inputs)}

TOLERANCES = {
    "face_geometry": (0.002, 2e-5), "face_detector_postprocess": (1e-5, 0),
    "face_alignment": (0.005, 1e-5), "smoother": (0.002, 1e-5), "tracking": (0.02, 1e-5)}

DETECTOR = {
    "prob_threshold": 0.4, "iou_threshold": 0.3, "strides": [8, 16, 32],
    "candidates_per_level": 1000, "nms_candidates": 200}


def write(folder, name, kind, inputs, **config):
    case = Case(name, kind, **config)
    outputs = KINDS[kind](inputs, case.config)
    for key, value in inputs.items():
        case.add(key, value)
    for key, value in outputs.items():
        value = np.asarray(value)
        case.add(f"output.{key}", value.astype(np.float32) if value.dtype == np.float64 else value)
    # Pixels and whole numbers have bounds of their own kind.
    atol, rtol = TOLERANCES[kind]
    bounds = {
        "output.*crop": CROP, "output.detector_image": CROP,
        "output.detector_input_sub": {"atol": 0.06, "rtol": 0},
        "output.boxes*": {"atol": 1, "rtol": 0, "share_over": [0, 0.05]},
        "default": {"atol": atol, "rtol": rtol}}
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    save_file(
        case.tensors, pathlib.Path(folder) / f"{name}.safetensors",
        metadata={"config": json.dumps(case.config), "tolerance": json.dumps(bounds)})


def compare_with_goldens():
    """The models against the golden files."""
    folder = pathlib.Path(__file__).parents[2] / "Tests/Goldens"
    for path in sorted(folder.glob("face_*.safetensors")):
        with safe_open(path, "np") as file:
            config = json.loads(file.metadata()["config"])
        tensors = load_file(path)
        outputs = KINDS[config["kind"]](tensors, config)
        for name in sorted(n for n in tensors if n.startswith("output.")):
            got = np.asarray(outputs[name.removeprefix("output.")], np.float64)
            off = np.abs(got - tensors[name]).max()
            print(f"{path.stem:16} {name:32} {off:.3g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--goldens", action="store_true")
    options = parser.parse_args()
    if options.goldens:
        return compare_with_goldens()
    if not options.folder:
        parser.error("expected a folder, or --goldens")
    random = np.random.default_rng(options.seed)
    for index in range(3):
        write(options.folder, f"faces_geometry_{index}", "face_geometry", geometry_inputs(random),
              subsample={"output.detector_input_sub": "[:, :, ::4, ::4]"})
        write(
            options.folder, f"faces_alignment_{index}", "face_alignment", alignment_inputs(random))
        images = [{"image_height": int(h), "image_width": int(w)}
                  for h, w in random.integers(30, 2200, (index + 1, 2))]
        write(options.folder, f"faces_detector_{index}", "face_detector_postprocess",
              detector_inputs(random, images, ties=index > 0), images=images, **DETECTOR)
        write(options.folder, f"faces_smoother_{index}", "smoother",
              smoothing_inputs(random, 10 + 15 * index))
    for index, (frames, faces) in enumerate([(20, 1), (25, 2), (30, 4), (15, 6)]):
        write(options.folder, f"faces_tracking_{index}", "tracking",
              tracking_inputs(random, frames, faces))


if __name__ == "__main__":
    main()
