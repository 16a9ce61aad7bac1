"""The published way from a frame to smoothed landmarks, with OpenCV and numpy.

Written after its description, for comparison and for timing: the detector's boxes, landmarks in
three rounds, tracking, smoothing, and the crop for the motion encoder. The networks are handed in.
Pictures are BGR bytes, matrices (2 x 3, or 3 x 3) take source to crop pixels, points are [222, 2].
`check_face_path.py` compares it with the golden files; `run_face_path.py` runs it on a video.
"""

import collections
import contextlib
import time

import cv2
import numpy as np

MEAN = np.array([103.53, 116.28, 123.675], np.float32) / 255
DEVIATION = np.array([57.375, 57.12, 58.395], np.float32) / 255
DETECTOR_SIZE, STRIDES = (160, 272), (8, 16, 32)
CROP, ROUNDS = 128, 3
MOTION_POINTS = [182, 202, 36, 149, 133]
MOTION_TARGETS = 224 * np.array([
    (0.3843, 0.27), (0.62, 0.2668), (0.503, 0.4185), (0.406, 0.5273), (0.5977, 0.525)])
# Points, those whose movement counts, t0, t1, a0, a1.
SMOOTHING = [
    (slice(0, 33), slice(9, 24), 0.005, 0.02, 0.05, 0.3),
    (slice(33, 48), slice(33, 48), 0.003, 0.02, 0.03, 0.7),
    (slice(48, 74), slice(48, 74), 0.003, 0.02, 0.02, 0.5),
    (slice(74, 96), slice(74, 96), 0.003, 0.02, 0.03, 0.7),
    (slice(96, 118), slice(96, 118), 0.003, 0.02, 0.03, 0.7),
    (slice(118, 182), slice(118, 182), 0.003, 0.02, 0.05, 0.7),
    (slice(182, 202), slice(182, 202), 0.003, 0.02, 0.03, 0.7),
    (slice(202, 222), slice(202, 222), 0.003, 0.02, 0.03, 0.7)]


class Clock:
    """Seconds and calls by part."""

    def __init__(self):
        self.parts = collections.defaultdict(lambda: [0.0, 0])

    @contextlib.contextmanager
    def __call__(self, part):
        start = time.perf_counter()
        yield
        self.parts[part][0] += time.perf_counter() - start
        self.parts[part][1] += 1


def homogeneous(matrix):
    return np.vstack([matrix, [0, 0, 1]])


def transformed(points, matrix):
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def detector_matrix(width, height):
    ratio = min(DETECTOR_SIZE[0] / width, DETECTOR_SIZE[1] / height)
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    back = np.array([[1, 0, DETECTOR_SIZE[0] / 2], [0, 1, DETECTOR_SIZE[1] / 2], [0, 0, 1]])
    return back @ np.diag([ratio, ratio, 1]) @ middle


def detector_input(bgr):
    matrix = detector_matrix(bgr.shape[1], bgr.shape[0])
    picture = cv2.warpPerspective(bgr, matrix, DETECTOR_SIZE, flags=cv2.INTER_LINEAR)
    pixels = (picture.astype(np.float32) / 255 - MEAN) / DEVIATION
    return picture, np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), matrix


def candidates(scores, boxes, least=0.4, each=1000):
    """Boxes in the detector's input and their scores, from three score and three box maps."""
    found = []
    for stride, score, box in zip(STRIDES, scores, boxes):
        score, box = score.reshape(-1), box.reshape(-1, 4, 8)
        columns = -(-DETECTOR_SIZE[0] // stride)
        best = np.argsort(-score, kind="stable")[:each]
        best = best[score[best] > least]
        logits = box[best].astype(np.float64)
        share = np.exp(logits - logits.max(axis=-1, keepdims=True))
        sides = (share / share.sum(axis=-1, keepdims=True)) @ np.arange(8) * stride
        corner = np.stack([best % columns, best // columns], axis=1) * stride
        found.append(np.column_stack([corner - sides[:, :2], corner + sides[:, 2:], score[best]]))
    return np.concatenate(found)


def suppressed(found, overlap=0.3, most=200):
    """The best boxes of which no two overlap by more than `overlap`."""
    found = found[np.argsort(-found[:, 4], kind="stable")][:most]
    kept = []
    for box in found:
        if all(intersection_share(box, other, 1e-5) <= overlap for other in kept):
            kept.append(box)
    return np.array(kept).reshape(-1, 5)


def intersection_share(a, b, epsilon=0.0):
    sides = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.maximum(sides, 0))
    areas = sum(np.prod(np.maximum(box[2:4] - box[:2], 0)) for box in (a, b))
    return common / (areas - common + epsilon) if common > 0 else 0.0


def boxes_of(scores, boxes, matrix, width, height):
    found = suppressed(candidates(scores, boxes))
    corners = transformed(found[:, :4].reshape(-1, 2), np.linalg.inv(matrix)).reshape(-1, 4)
    corners = np.clip(corners, 0, [width, height, width, height])
    return np.trunc(corners).astype(np.int32), found[:, 4]


def turned(degrees, centre, scale):
    """Turns about `centre` by an angle (against the clock on the screen) and scales."""
    return cv2.getRotationMatrix2D(tuple(float(c) for c in centre), degrees, scale)


def box_matrix(box, degrees=0.0):
    low, high = np.asarray(box[:2], float), np.asarray(box[2:4], float)
    centre = (low + high) / 2
    matrix = turned(degrees, centre, CROP / (high - low).max() * 0.85)
    matrix[:, 2] += CROP / 2 - centre
    return matrix


def eye_angle(points):
    dx, dy = points[96] - points[74]
    return np.arctan2(dy, dx + 1e-8)


def extent(points):
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def points_matrix(points, angle):
    """`angle`: radians, by which the face is turned."""
    low, high = np.split(extent(points), 2)
    upright = turned(np.degrees(angle), (low + high) / 2, 1.0)
    low, high = np.split(extent(transformed(points, upright)), 2)
    scale = CROP / (high - low).max() * 0.85
    matrix = upright * scale
    matrix[:, 2] += CROP / 2 - (low + high) / 2 * scale
    return matrix


def similarity(source, target):
    """Umeyama's least-squares similarity with scale, 2 x 3."""
    source, target = np.asarray(source, float), np.asarray(target, float)
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, s, v = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(v)) or 1])
    turn = u @ np.diag(sign) @ v
    scale = (s * sign).sum() / (a ** 2).sum(axis=1).mean()
    return np.column_stack([scale * turn, target.mean(axis=0) - scale * turn @ source.mean(axis=0)])


def motion_crop(bgr, points):
    matrix = similarity(points[MOTION_POINTS], MOTION_TARGETS)
    return cv2.warpAffine(bgr, matrix, (224, 224), flags=cv2.INTER_CUBIC)


def align(bgr, box, points, network, clock=None):
    """Three rounds; `network` answers a crop with 444 coordinates, angles and the probability.

    As published, a round's crop is turned by the eyes' angle in the crop before it, which is near
    zero where that one was turned upright; only the first takes it from the frame.
    """
    clock = clock or Clock()
    roll = 0.0 if points is None else eye_angle(points)
    for _ in range(ROUNDS):
        with clock("crop for landmarks"):
            matrix = box_matrix(box) if points is None else points_matrix(points, roll)
            crop = cv2.warpAffine(bgr, matrix, (CROP, CROP), flags=cv2.INTER_LINEAR)
        with clock("landmark network"):
            coordinates, angles, probability = network(crop)
        inverse = np.linalg.inv(homogeneous(matrix))
        points = coordinates.reshape(2, -1).T.astype(float) * CROP
        roll = eye_angle(points)
        points = transformed(points, inverse)
    return points, np.array([angles[0], angles[1], roll]), float(probability), crop, matrix


class Smoother:
    def __init__(self):
        self.previous, self.speed = None, np.zeros((222, 2))

    def __call__(self, points, distance):
        if self.previous is None:
            self.previous = points.copy()
            return points.copy()
        result = points.copy()
        for group, counted, t0, t1, a0, a1 in SMOOTHING:
            before, x = self.previous[group], points[group]
            moved = np.hypot(*(points[counted] - self.previous[counted]).T).mean() / distance
            if moved < t0:
                f = a0 * moved / t0
            else:
                f = a0 + (a1 - a0) * min(1, (moved - t0) / (t1 - t0))
            if f == 0:  # identical: nothing to smooth
                result[group] = before
                continue
            g = 2 * np.pi * f / (2 * np.pi * f + 1)
            self.speed[group] = g * (x - before) / f + (1 - g) * self.speed[group]
            k = 2 * np.pi * f * (1 + f * np.abs(self.speed[group]))
            a = k / (k + 1)
            result[group] = a * x + (1 - a) * before
        self.previous = result
        return result.copy()


class Record:
    def __init__(self, box):
        self.box = np.asarray(box, float)
        self.points, self.angles, self.smoother = None, None, Smoother()
        self.distance = np.hypot(*(self.box[2:] - self.box[:2]))


def area(record):
    return np.prod(record.box[2:] - record.box[:2])


class Tracker:
    """`detect(frame)` gives boxes; `align(frame, box, points)` points, angles, probability."""

    def __init__(self, detect, align):
        self.detect, self.align, self.records = detect, align, []

    def __call__(self, frame, box=None):
        if not self.records and box is not None:
            boxes = [box]
        else:
            boxes = self.detect(frame)
        self.records += [Record(box) for box in boxes]
        alive, leaving = [], set()
        for record in self.records:
            points, record.angles, probability = self.align(frame, record.box, record.points)
            if probability < 1e-4:
                continue
            record.points = record.smoother(points, record.distance)
            record.box = extent(record.points)
            pitch, yaw = np.abs(np.degrees(record.angles[:2]))
            record.distance = np.hypot(*(record.points[0] - record.points[32])) * (
                1 + (pitch + 0.6 * yaw) / 18)
            alive.append(record)
            if (record.box[2:] - record.box[:2]).min() < 96:
                leaving.add(id(record))
        for a in alive:
            for b in alive:
                if a is not b and not leaving & {id(a), id(b)} and (
                        intersection_share(a.box, b.box) > 0.12):
                    leaving.add(id(a if area(a) < area(b) else b))
        self.records = [record for record in alive if id(record) not in leaving]
        return self.records
