"""Endless training pictures of the example's face, with its landmarks, on other backgrounds."""

import subprocess

import cv2
import numpy as np
from skimage import data

from . import layout, motion

SIDE = 320  # of a stored head
STORED = 200  # the photograph's pixels that it shows
CENTRE = (224, 118)
# scikit-image's pictures without a person; all come with the package.
OTHERS = ("brick", "chelsea", "clock", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
          "immunohistochemistry", "moon", "page", "retina", "rocket", "text", "cell", "horse")
# What ffmpeg draws by itself.
SYNTHETIC = ("testsrc", "testsrc2", "smptebars", "smptehdbars", "rgbtestsrc", "yuvtestsrc",
             "mandelbrot", "cellauto=seed=1", "life=mold=10:ratio=0.1:seed=1",
             "gradients=c0=0x3a7c78:c1=0x9c3a10:x0=0:y0=0:x1=319:y1=239", "pal75bars",
             "allrgb", "haldclutsrc=4", "color=c=red", "color=c=white", "color=c=black")
# Parts of the photograph without the face: left, top, right, bottom.
REST = ((0, 0, 150, 512), (300, 0, 512, 512), (0, 200, 512, 512), (110, 180, 330, 512),
        (20, 200, 380, 460), (280, 60, 512, 340))


def random_pose(random):
    """Any pose: of the head within 14 degrees, neutral in one of eight."""
    if random.random() < 0.125:
        return motion.Pose()
    closed = random.choice([0, 1, random.random()], p=[0.6, 0.1, 0.3]) * 0.95
    lids = (closed, closed) if random.random() < 0.8 else (closed, 0)
    raised = random.uniform(-1.5, 4)
    return motion.Pose(
        jaw=random.uniform(-5, 10.5), width=random.uniform(-0.17, 0.05), lids=lids,
        brows=(raised, raised + random.uniform(-1, 1)),
        gaze=(random.uniform(-1.6, 1.6), random.uniform(-0.6, 0.6)),
        yaw=random.uniform(-14, 14), pitch=random.uniform(-9, 9), roll=random.uniform(-7, 7),
        shift=(random.uniform(-5, 5), random.uniform(-4, 4)))


def matte(photograph):
    """The person without the background, 0 to 255 at the photograph's own size."""
    mask = np.full(photograph.rgb.shape[:2], cv2.GC_PR_BGD, np.uint8)
    cv2.ellipse(mask, (226, 95), (90, 100), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(mask, (226, 100), (62, 70), 0, 0, 360, cv2.GC_FGD, -1)
    mask[160:190, 190:252] = cv2.GC_FGD
    mask[230:, 60:350] = cv2.GC_FGD
    mask[:130, :140] = mask[:140, 312:] = mask[:10] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    inner = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(photograph.rgb, mask, None, *inner, 6, cv2.GC_INIT_WITH_MASK)
    person = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8) * 255
    return cv2.GaussianBlur(person, (0, 0), 1)


def heads(count, seed):
    """`count` moved heads: pictures [n, 320, 320, 4] with the person's cover as fourth channel,
    landmarks [n, 222, 2] in their pixels, and angles [n, 3]."""
    random = np.random.default_rng(seed)
    photograph = motion.Photograph()
    side = photograph.large.shape[0]
    cover = cv2.resize(matte(photograph), (side, side), interpolation=cv2.INTER_LINEAR)
    source = np.dstack([photograph.large, cover])
    scale = SIDE / STORED
    matrix = np.array([[scale, 0, SIDE / 2 - CENTRE[0] * scale],
                       [0, scale, SIDE / 2 - CENTRE[1] * scale]])
    pictures = np.empty((count, SIDE, SIDE, 4), np.uint8)
    points = np.empty((count, layout.COUNT, 2), np.float32)
    angles = np.empty((count, 3), np.float32)
    for index in range(count):
        pose = random_pose(random)
        pictures[index] = photograph.picture(pose, matrix, (SIDE, SIDE), source)
        points[index] = motion.transformed(motion.landmarks(pose), matrix)
        angles[index] = motion.angles(pose)
    return pictures, points, angles


def backgrounds():
    """Pictures without a face, RGB bytes of different sizes."""
    result = []
    for name in OTHERS:
        picture = np.asarray(getattr(data, name)())
        if picture.dtype == bool:
            picture = picture.astype(np.uint8) * 255
        if picture.ndim == 2:
            picture = np.repeat(picture[:, :, None], 3, axis=2)
        picture = picture[:, :, :3].astype(np.uint8)
        factor = min(1, 700 / max(picture.shape))
        result.append(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    photograph = data.astronaut()
    result += [photograph[top:bottom, left:right] for left, top, right, bottom in REST]
    for source in SYNTHETIC:
        size = ("" if source.startswith(("allrgb", "haldclut"))
                else ":s=320x240" if "=" in source else "=s=320x240")
        output = subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source + size, "-vf", "scale=320:240",
             "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
            check=True, capture_output=True).stdout
        result.append(np.frombuffer(output, np.uint8).reshape(240, 320, 3))
    return result


class Painter:
    """Draws backgrounds and heads into pictures of any size, with a generator of its own."""

    def __init__(self, pictures, points, angles, random):
        self.heads, self.points, self.angles = pictures, points, angles
        self.others = backgrounds()
        self.mirrored = layout.mirrored()
        self.random = random

    def background(self, width, height):
        random = self.random
        kind = random.random()
        if kind < 0.12:
            return np.full((height, width, 3), random.integers(0, 256, 3), np.uint8)
        if kind < 0.24:
            coarse = random.integers(0, 256, (*random.integers(2, 24, 2), 3), dtype=np.uint8)
            return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        if kind < 0.28:
            return random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        other = self.others[random.integers(len(self.others))]
        least = max(width / other.shape[1], height / other.shape[0])
        scale = least * random.uniform(1, 3)
        angle = random.uniform(-30, 30) if random.random() < 0.3 else 0
        matrix = cv2.getRotationMatrix2D((0, 0), angle, scale)
        at = random.uniform(0, 1, 2) * [other.shape[1], other.shape[0]]
        matrix[:, 2] = np.array([width, height]) / 2 - matrix[:, :2] @ at
        picture = cv2.warpAffine(other, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        return picture[:, ::-1] if random.random() < 0.5 else picture

    def head(self):
        """A stored head, mirrored every other time: picture, points, angles."""
        index = self.random.integers(len(self.heads))
        picture, points, angles = self.heads[index], self.points[index], self.angles[index]
        if self.random.random() < 0.5:
            picture = picture[:, ::-1]
            points = points[self.mirrored] * (-1, 1) + (SIDE - 1, 0)
            angles = angles * (1, -1, -1)
        return picture, points, angles

    def paste(self, canvas, picture, matrix, own_background):
        """Draws a head through `matrix` (2 x 3) onto the canvas."""
        height, width = canvas.shape[:2]
        scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        if scale < 0.6 and self.random.random() < 0.6:
            # A frame that is reduced has been sharp or soft before.
            sigma = self.random.uniform(0.2, 0.6) / scale
            picture = cv2.GaussianBlur(np.ascontiguousarray(picture), (0, 0), sigma)
        drawn = cv2.warpAffine(
            np.ascontiguousarray(picture), matrix, (width, height), flags=cv2.INTER_LINEAR)
        inside = cv2.warpAffine(
            np.full(picture.shape[:2], 255, np.uint8), matrix, (width, height))
        cover = inside if own_background else np.minimum(inside, drawn[:, :, 3])
        share = cover[:, :, None].astype(np.float32) / 255
        return (canvas + share * (drawn[:, :, :3].astype(np.float32) - canvas)).astype(np.uint8)

    def disturbed(self, picture):
        """Light, contrast, colour, blur, noise and compression."""
        random = self.random
        x = picture.astype(np.float32)
        if random.random() < 0.8:
            x = (x - 128) * random.uniform(0.6, 1.35) + 128 + random.uniform(-35, 35)
            x *= 1 + random.uniform(-0.12, 0.12, 3).astype(np.float32)
        if random.random() < 0.1:
            x = np.repeat(x.mean(axis=2, keepdims=True), 3, axis=2)
        if random.random() < 0.25:
            x = cv2.GaussianBlur(x, (0, 0), random.uniform(0.3, 1.4))
        if random.random() < 0.15:
            length = random.integers(2, 7)
            x = cv2.blur(x, (int(length), 1) if random.random() < 0.7 else (1, int(length)))
        if random.random() < 0.4:
            x += random.normal(0, random.uniform(1, 10), x.shape).astype(np.float32)
        x = np.clip(x, 0, 255).astype(np.uint8)
        if random.random() < 0.4:
            quality = int(random.integers(25, 90))
            x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
        return x


def similarity(scale, degrees, source, target):
    """2 x 3: turns clockwise, scales, and takes `source` to `target`."""
    turn = np.radians(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([matrix, np.asarray(target) - matrix @ source])


def extent(points):
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high])
