"""What the two networks are trained on: inputs as the program makes them, and their answers."""

import cv2
import numpy as np

from . import pictures

CROP = 128
CROP_SHARE = 0.85
DETECTOR = 160, 272
BOX_MARGIN = 0.08  # of the landmarks' extent, on each side
STRIDES = (8, 16, 32)
# Longer side of a box, in pixels of the detector's input, that a stride is for.
REACH = {8: (0, 60), 16: (44, 120), 32: (90, 1000)}
MEAN = np.array([103.53, 116.28, 123.675], np.float32)
DEVIATION = np.array([57.375, 57.12, 58.395], np.float32)


def canvas_and_head(painter, width, height, matrix, head):
    own = painter.random.random() < 0.3
    canvas = painter.background(width, height)
    return painter.paste(canvas, head, matrix, own)


def landmark_sample(painter):
    """A crop [3, 128, 128] as the network takes it, 444 coordinates, 3 angles in
    radians, whether a face."""
    random = painter.random
    head, points, angles = painter.head()
    low, high = np.split(pictures.extent(points), 2)
    size = CROP / (high - low).max() * CROP_SHARE
    middle = np.array([CROP / 2, CROP / 2])
    kind = random.random()
    if kind < 0.2:  # no face, or hardly one
        if random.random() < 0.6:
            picture = painter.background(CROP, CROP)
        else:
            away = random.uniform(0, 2 * np.pi)
            offset = np.array([np.cos(away), np.sin(away)]) * CROP * random.uniform(0.55, 1.0)
            matrix = pictures.similarity(
                size * np.exp(random.uniform(-0.5, 0.7)), random.uniform(-40, 40),
                (low + high) / 2, middle + offset)
            picture = canvas_and_head(painter, CROP, CROP, matrix, head)
        return as_crop(painter.disturbed(picture)), np.zeros(444), np.zeros(3), 0
    close = random.random() < 0.4  # the second and third crops are nearly upright
    turn = random.uniform(-6, 6) if close else random.uniform(-32, 32)
    spread = 0.06 if close else 0.3
    matrix = pictures.similarity(
        size * np.exp(random.uniform(-spread, spread)), turn, (low + high) / 2,
        middle + random.uniform(-1, 1, 2) * CROP * (0.03 if close else 0.13))
    picture = canvas_and_head(painter, CROP, CROP, matrix, head)
    coordinates = (points @ matrix[:, :2].T + matrix[:, 2]) / CROP
    return (as_crop(painter.disturbed(picture)), coordinates.T.reshape(-1),
            np.radians(angles + (0, 0, turn)), 1)


def as_crop(rgb):
    return np.ascontiguousarray(rgb[:, :, ::-1].transpose(2, 0, 1)).astype(np.float32) / 255


def as_detector_input(rgb):
    return ((rgb[:, :, ::-1].astype(np.float32) - MEAN) / DEVIATION).transpose(2, 0, 1)


def framed(painter, picture, boxes):
    """Sometimes in a frame of another shape, with black borders as the program makes them."""
    width, height = DETECTOR
    aspect = painter.random.choice([9 / 16, 3 / 4, 1, 4 / 3, 16 / 9, 2])
    shown = min(height, round(width / aspect))
    top = (height - shown) // 2
    picture = picture.copy()
    picture[:top] = picture[top + shown:] = 0
    kept = [box for box in boxes if box[1] > top - 8 and box[3] < top + shown + 8]
    for box in boxes:
        if not any(box is other for other in kept):
            return None
    return picture, kept


def detector_sample(painter):
    """A frame [3, 272, 160] as the network takes it, and its faces' boxes [n, 4]."""
    width, height = DETECTOR
    while True:
        canvas = painter.background(width, height)
        boxes = []
        for _ in range(painter.random.choice([0, 1, 2, 3], p=[0.22, 0.5, 0.2, 0.08])):
            boxes += place(painter, canvas, boxes)
        result = canvas, boxes
        if painter.random.random() < 0.6:
            result = framed(painter, canvas, boxes)
        if result is not None:
            picture, boxes = result
            return as_detector_input(painter.disturbed(picture)), np.array(boxes).reshape(-1, 4)


def place(painter, canvas, others):
    """Draws a head somewhere; its box, or nothing where it would cover another."""
    random = painter.random
    width, height = DETECTOR
    head, points, _ = painter.head()
    low, high = np.split(pictures.extent(points), 2)
    size = np.exp(random.uniform(np.log(12), np.log(150)))
    turn = random.uniform(-25, 25) if random.random() < 0.7 else 0
    centre = random.uniform(0, 1, 2) * (width, height)
    matrix = pictures.similarity(size / (high - low).max(), turn, (low + high) / 2, centre)
    box = pictures.extent(points @ matrix[:, :2].T + matrix[:, 2])
    margin = np.tile((box[2:] - box[:2]) * BOX_MARGIN, 2) * (-1, -1, 1, 1)
    box = box + margin
    if (box[:2] < -0.1 * size).any() or (box[2:] > np.array([width, height]) + 0.1 * size).any():
        return []
    room = 0.6 * size
    for other in others:
        if (box[0] - room < other[2] and other[0] < box[2] + room
                and box[1] - room < other[3] and other[1] < box[3] + room):
            return []
    canvas[:] = painter.paste(canvas, head, matrix, random.random() < 0.3)
    return [box]


def cells(stride):
    """The corners of a stride's cells, in the order of its outputs, [n, 2]."""
    width, height = (-(-side // stride) for side in DETECTOR)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x.ravel(), y.ravel()], axis=1) * stride


def detector_answer(boxes):
    """For all cells of all strides: 1 a face, 0 none, -1 either; and distances in strides."""
    scores, sides = [], []
    for stride in STRIDES:
        corner = cells(stride).astype(np.float32)
        score = np.zeros(len(corner), np.float32)
        distance = np.zeros((len(corner), 4), np.float32)
        for box in boxes:
            longer = max(box[2] - box[0], box[3] - box[1])
            middle = (box[:2] + box[2:]) / 2
            away = np.abs(corner - middle).max(axis=1)
            from_box = np.concatenate([corner - box[:2], box[2:] - corner], axis=1) / stride
            fits = REACH[stride][0] <= longer < REACH[stride][1]
            near = away <= max(0.22 * longer, 0.55 * stride)
            # Round the middle, and for the strides next to the right one, either will do.
            either = REACH[stride][0] / 2 <= longer < REACH[stride][1] * 2
            score[(away <= max(0.33 * longer, 0.9 * stride)) & (score == 0) & either] = -1
            if fits:
                positive = near & (from_box.min(axis=1) > 0)
                score[positive] = 1
                distance[positive] = from_box[positive]
        scores.append(score)
        sides.append(distance)
    return np.concatenate(scores), np.concatenate(sides)
