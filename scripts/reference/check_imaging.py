"""Writes what Pillow and OpenCV make of random pictures: cases of the golden suite.

    python3 check_imaging.py FOLDER [--count 1000] [--seed 1] [--largest 200]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

Kinds `picture_resize` (Pillow's resize by every filter, of RGB and L, one-pixel sides and thin
pictures among them) and `picture_warp` (OpenCV 4's warpAffine, linear and cubic, and its
warpPerspective). Every byte must be the same: OpenCV's own arithmetic for 8-bit pictures is
fixed-point in version 4. Needs Pillow and opencv-python-headless below 5, which computes linear
warps in float32. Rows are resized first, as by every Pillow before 13, which begins with the
columns where a high picture becomes lower; here each pass is a call of its own.

    python3 check_imaging.py Tests/Goldens --count 24 --seed 7 --largest 40

made the files that the project has.
"""

import argparse
import collections
import math

import cv2
import numpy as np
import PIL
from PIL import Image

from golden_case import Case

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
WARPS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
# Of one file.
PER_CASE = 100


def picture(rng, rows, columns, channels=3):
    """Noise, or something smooth with hard edges."""
    if rng.random() < 0.5:
        return rng.integers(0, 256, (rows, columns, channels), dtype=np.uint8)
    y, x = np.mgrid[0:rows, 0:columns]
    waves = [
        127.5 + 127.5 * np.sin(x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1) + rng.uniform(0, 6))
        for _ in range(channels)
    ]
    result = np.stack(waves, -1).astype(np.uint8)
    result[(x + y) % 23 < 3] = rng.integers(0, 2) * 255
    return result


def side(rng, largest):
    """Every eighth side is a single pixel or two; the rest are of all magnitudes."""
    if rng.random() < 0.125:
        return int(rng.integers(1, 3))
    return int(np.exp(rng.uniform(0, np.log(largest + 0.999))))


def affine(rng, rows, columns, target_rows, target_columns):
    """A similarity with some shear that brings the middle near the middle."""
    turn, scale = rng.uniform(-math.pi, math.pi), np.exp(rng.uniform(-2, 2))
    linear = scale * np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear += rng.normal(0, 0.1, (2, 2)) * scale
    if rng.random() < 0.2:  # places that fall on whole pixels or halves, mirrored or not
        linear = np.diag(rng.choice([-2, -1, 1, 0.5, 2], 2)).astype(float)
    middle = np.array([columns / 2, rows / 2])
    target = np.array([target_columns / 2, target_rows / 2])
    target += rng.uniform(-0.3, 0.3, 2) * [target_columns, target_rows]
    if rng.random() < 0.2:
        middle, target = np.floor(middle), np.floor(target)
    return np.c_[linear, target - linear @ middle]


def resize_items(rng, count, largest):
    for number in range(count):
        rows, columns = side(rng, largest), side(rng, largest)
        channels = 1 if rng.random() < 0.2 else 3
        source = picture(rng, rows, columns, channels)
        name = list(FILTERS)[number % len(FILTERS)]
        image = Image.fromarray(source[:, :, 0] if channels == 1 else source)
        new_rows, new_columns = side(rng, largest), side(rng, largest)
        if rng.random() < 0.1:
            new_rows = rows
        if rng.random() < 0.1:
            new_columns = columns
        for size in ((new_columns, rows), (new_columns, new_rows)):
            image = image.resize(size, FILTERS[name])
        result = np.asarray(image)
        item = {"filter": name}
        yield item, name, source, result.reshape(new_rows, new_columns, channels)


def warp_items(rng, count, largest):
    for number in range(count):
        rows, columns = side(rng, largest), side(rng, largest)
        new_rows, new_columns = side(rng, largest), side(rng, largest)
        source = picture(rng, rows, columns)
        matrix = affine(rng, rows, columns, new_rows, new_columns)
        size = (new_columns, new_rows)
        kind = ["affine linear", "affine cubic", "perspective linear"][number % 3]
        name = kind.split()[1]
        if kind.startswith("affine"):
            result = cv2.warpAffine(source, matrix, size, flags=WARPS[name])
        else:
            # The third row is that of a plane seen at an angle, or (0, 0, 1).
            tilt = rng.normal(0, 0.2, 2) / max(rows, columns) * (rng.random() < 0.7)
            matrix = np.vstack([matrix, [*tilt, 1]])
            result = cv2.warpPerspective(source, matrix, size, flags=WARPS[name])
        yield {"matrix": matrix.ravel().tolist(), "filter": name}, kind, source, result


def write(folder, kind, output, items, versions):
    counts = collections.Counter()
    case, number = None, 0

    def finish():
        if case:
            case.write(folder, 0, 0)

    for total, (item, label, source, result) in enumerate(items):
        if total % PER_CASE == 0:
            finish()
            case, number = Case(f"{kind}_{total // PER_CASE}", kind, items=[], **versions), 0
        case.config["items"].append(item)
        case.add(f"input.picture_{number}", source)
        case.add(f"output.{output}_{number}", result)
        counts[label] += 1
        number += 1
    finish()
    print(f"{kind}: {sum(counts.values())} pictures:", dict(counts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--largest", type=int, default=200, help="side of a picture")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    write(
        options.folder, "picture_resize", "resized",
        resize_items(rng, options.count, options.largest), {"pillow": PIL.__version__})
    write(
        options.folder, "picture_warp", "warped", warp_items(rng, options.count, options.largest),
        {"opencv": cv2.__version__})


if __name__ == "__main__":
    main()
