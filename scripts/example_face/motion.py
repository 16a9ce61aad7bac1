"""Moves the photograph's face: mouth, lids, gaze, brows and head.

Every motion is a smooth displacement of the plane, given by a formula, so the landmarks move
exactly as the picture does and a picture is sampled once, whatever moves in it. A point of the
photograph goes through its layer (jaw, upper lid), the brows and the lips' width, the head's turn,
and then through the whole body's motion; a picture is made backwards, by inverting each of these.

The lower lip with the chin, and the upper lids, are layers in front of or beside the rest: where
a layer leaves a gap (an open mouth) there is the mouth's inside, where it covers (a blink) it is
seen.
Lengths are in the photograph's pixels; points are arrays [..., 2] of x and y.
"""

import dataclasses

import cv2
import numpy as np
from skimage import data

from . import layout

MOUTH_CENTRE = (223.3, 146)
HEAD_CENTRE, HEAD_RADII = (226, 97), (78, 92)
NECK = (225, 176)
# Source pixels for one of the photograph's, so that one cubic sampling is enough.
OVERSAMPLING = 3


@dataclasses.dataclass
class Pose:
    """A face's motion against the photograph."""

    jaw: float = 0.0  # how far down the lower lip goes; to -5 over the teeth
    width: float = 0.0  # of the mouth, as a share: -0.15 rounds the lips
    lids: tuple = (0.0, 0.0)  # 1 is a closed eye
    brows: tuple = (0.0, 0.0)  # how far up
    gaze: tuple = (0.0, 0.0)  # of the pupils, to the right and down
    yaw: float = 0.0  # degrees, towards the picture's right
    pitch: float = 0.0  # degrees, down
    roll: float = 0.0  # degrees, clockwise
    shift: tuple = (0.0, 0.0)  # of the head against the body
    body: np.ndarray = dataclasses.field(
        default_factory=lambda: np.eye(2, 3))  # of the whole photograph, 2 x 3


def hill(x):
    """1 at 0, 0 from -1 and 1 on, smooth."""
    return np.cos(np.clip(x, -1, 1) * np.pi / 2) ** 2


def step(x):
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def bell(x, y, centre, radii):
    return np.exp(-((x - centre[0]) / radii[0]) ** 2 - ((y - centre[1]) / radii[1]) ** 2)


def height_on(line, x):
    """The y of a line from left to right, constant beyond its ends."""
    fine = layout.resampled(line, 60)
    return np.interp(x, fine[:, 0], fine[:, 1])


def jaw_field(p, pose):
    x, y = p[..., 0], p[..., 1]
    below = y - height_on(layout.LOWER_LIP_INSIDE, x)
    reach = 20.5 + 22 * step(below / 32)
    share = hill((x - MOUTH_CENTRE[0]) / reach) * (1 - 0.25 * step(below / 30))
    share *= 1 - step((y - 172) / 40)
    return np.stack([np.zeros_like(x), pose.jaw * share], axis=-1)


def lid_field(p, pose, side):
    x, y = p[..., 0], p[..., 1]
    upper = height_on(layout.UPPER_LIDS[side], x)
    opening = height_on(layout.LOWER_LIDS[side], x) - upper
    share = np.where(y < upper, np.exp(-((upper - y) / 7.5) ** 2), 1)
    return np.stack([np.zeros_like(x), pose.lids[side] * opening * share], axis=-1)


def brows_and_lips(p, pose):
    x, y = p[..., 0], p[..., 1]
    dx = pose.width * (x - MOUTH_CENTRE[0]) * bell(x, y, MOUTH_CENTRE, (34, 18))
    left, right = (bell(x, y, centre, (17, 6.5)) for centre in ((201, 89.5), (250, 92)))
    return np.stack([dx, -pose.brows[0] * left - pose.brows[1] * right], axis=-1)


def head_field(p, pose):
    x, y = p[..., 0], p[..., 1]
    depth = 66 * bell(x, y, (225, 115), (62, 72)) + 13 * bell(x, y, (223, 124), (10, 14)) - 34
    turn, nod, tilt = np.radians([pose.yaw, pose.pitch, pose.roll])
    rx, ry = x - NECK[0], y - NECK[1]
    dx = depth * np.sin(turn) + rx * (np.cos(turn) - 1)
    dy = depth * np.sin(nod) + (y - 115) * (np.cos(nod) - 1)
    dx += rx * (np.cos(tilt) - 1) - ry * np.sin(tilt) + pose.shift[0]
    dy += ry * (np.cos(tilt) - 1) + rx * np.sin(tilt) + pose.shift[1]
    distance = np.hypot((x - HEAD_CENTRE[0]) / HEAD_RADII[0], (y - HEAD_CENTRE[1]) / HEAD_RADII[1])
    share = 1 - step((distance - 0.85) / 1.05)
    return np.stack([dx * share, dy * share], axis=-1)


def inverse(field, p, rounds=12):
    """The points that the displacement `field` takes to `p`."""
    q = p
    for _ in range(rounds):
        q = p - field(q)
    return q


def landmarks(pose):
    """The 222 points of the moved face, [222, 2], still in the photograph's pixels."""
    points = layout.shape()
    jaw = jaw_field(points, pose)
    for part, lower in ((layout.OUTER_LIPS, slice(16, 31)), (layout.INNER_LIPS, slice(16, 31))):
        points[part][lower] += jaw[part][lower]
    points[layout.CONTOUR] += np.where(
        points[layout.CONTOUR, 1:] > MOUTH_CENTRE[1], jaw[layout.CONTOUR], 0)
    for side in (0, 1):
        lid = lid_field(points, pose, side)
        eye = layout.EYES[side]
        points[eye][1:11] += lid[eye][1:11]
        points[layout.BROWS[side]] += lid[layout.BROWS[side]]
        points[layout.PUPILS[side]] += pose.gaze
    points = points + brows_and_lips(points, pose)
    points = points + head_field(points, pose)
    return transformed(points, pose.body)


def transformed(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


def angles(pose):
    """Pitch, yaw and roll in degrees."""
    roll = np.degrees(np.arctan2(pose.body[1, 0], pose.body[0, 0]))
    return np.array([pose.pitch, pose.yaw, pose.roll + roll])


class Photograph:
    """The source of every picture: colours, and who is in front of the background."""

    def __init__(self):
        self.rgb = data.astronaut()
        side = self.rgb.shape[0] * OVERSAMPLING
        self.large = cv2.resize(self.rgb, (side, side), interpolation=cv2.INTER_LANCZOS4)

    def sampled(self, source, p):
        at = ((p + 0.5) * OVERSAMPLING - 0.5).astype(np.float32)
        return cv2.remap(
            source, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)

    def picture(self, pose, matrix, size, source=None):
        """The moved face as a picture of `size` (width, height), in the source's channels.

        `matrix` (2 x 3) takes the photograph's pixels, after the pose, to the picture's.
        """
        source = self.large if source is None else source
        width, height = size
        whole = np.vstack([matrix, [0, 0, 1]]) @ np.vstack([pose.body, [0, 0, 1]])
        p = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
        p = transformed(p, np.linalg.inv(whole)[:2].astype(np.float32))
        p = inverse(lambda q: head_field(q, pose), p)
        p = inverse(lambda q: brows_and_lips(q, pose), p)
        result = self.sampled(source, p + self.gaze(p, pose)).astype(np.float32)
        # One pixel of the picture, so that the layers' edges are smooth.
        soft = 1 / np.sqrt(abs(np.linalg.det(whole[:2, :2])))
        for side in (0, 1):
            if pose.lids[side] > 0:
                q, cover = self.lid(p, pose, side, soft)
                result += cover * (self.sampled(source, q) - result)
        if pose.jaw != 0:
            result = self.with_jaw(source, result, p, pose, soft)
        return np.clip(np.rint(result), 0, 255).astype(np.uint8)

    def gaze(self, p, pose):
        """From where to sample instead, inside the eyes."""
        result = np.zeros_like(p)
        for side, (x, y, _) in enumerate(layout.IRISES):
            upper = height_on(layout.UPPER_LIDS[side], p[..., 0])
            lower = height_on(layout.LOWER_LIDS[side], p[..., 0])
            place = (p[..., 1] - upper) / np.maximum(lower - upper, 0.5)
            share = hill((p[..., 0] - x) / 11) * hill(np.clip(2 * place - 1, -1, 1)) ** 0.5
            result -= share[..., None] * np.float32(pose.gaze)
        return result

    def lid(self, p, pose, side, soft):
        q = inverse(lambda q: lid_field(q, pose, side), p, 25)
        x, y = q[..., 0], q[..., 1]
        line = layout.UPPER_LIDS[side]
        cover = step((height_on(line, x) + 0.7 - y) / soft + 0.5)
        cover *= (x > line[0][0] - 1) & (x < line[-1][0] + 1) & (y > 75)
        return q, cover[..., None]

    def with_jaw(self, source, result, p, pose, soft):
        q = inverse(lambda q: jaw_field(q, pose), p)
        lower = step((q[..., 1] - height_on(layout.LOWER_LIP_INSIDE, q[..., 0])) / soft + 0.5)
        gap = step((p[..., 1] - height_on(layout.LOWER_LIP_INSIDE, p[..., 0])) / soft + 0.5)
        left, right = layout.LOWER_LIP_INSIDE[0][0], layout.LOWER_LIP_INSIDE[-1][0]
        gap *= (p[..., 0] > left) & (p[..., 0] < right)
        # Dark above, the tongue below.
        depth = np.clip((p[..., 1] - 148) / 14, 0, 1)[..., None]
        inside = np.array([46, 16, 16]) + depth * np.array([78, 34, 36])
        channels = source.shape[2]
        if channels > 3:
            inside = np.concatenate([inside, np.full_like(inside[..., :1], 255)], axis=-1)
        result += gap[..., None] * (inside[..., :channels] - result)
        return result + lower[..., None] * (self.sampled(source, q) - result)
