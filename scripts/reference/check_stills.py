"""Writes picture files and what Pillow reads from them: cases of the golden suite, kind `still`.

    python3 check_stills.py FOLDER [--seed 1] [--largest 200] [--rounds 10]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

PNG of every colour type, depth and interlacing (written here, since Pillow writes few of them),
with tRNS and eXIf; JPEG of every subsampling, progressive, grey and CMYK, with all EXIF
orientations; WebP, BMP, TIFF, GIF. `python3 check_stills.py Tests/Goldens --largest 40 --rounds 1`
made the file that the project has. Needs Pillow.

Pillow's own reading is what is wanted: `exif_transpose(image).convert("RGB")`, but for grey of 16
bits, which Pillow cuts at 255 and of which the upper 8 bits are taken here as of colours.
"""

import argparse
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

from golden_case import Case

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# x and y of the first pixel, steps: the passes of interlacing (PNG, 8.2).
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(
        ">I", zlib.crc32(name + data))


def packed(values, depth):
    """Rows of samples, each behind filter type 0 (none)."""
    rows = []
    for row in values.reshape(values.shape[0], -1):
        if depth == 16:
            data = row.astype(">u2").tobytes()
        elif depth == 8:
            data = row.astype(np.uint8).tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
            data = np.packbits(bits.ravel()).tobytes()
        rows.append(b"\0" + data)
    return b"".join(rows)


def exif(orientation, big_endian=True):
    """EXIF data with a single field; before it another that is not wanted."""
    order = ">" if big_endian else "<"
    mark = b"MM\0*" if big_endian else b"II*\0"
    return mark + struct.pack(
        order + "IHHHIHHHHIHHI", 8, 2, 0x100, 3, 1, 7, 0, 0x112, 3, 1, orientation, 0, 0)


def png(rng, rows, columns, color, depth, interlaced, transparency=False, orientation=None):
    values = rng.integers(0, 1 << depth, (rows, columns, CHANNELS[color]))
    if interlaced:
        parts = [values[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        data = b"".join(packed(part, depth) for part in parts if part.size)
    else:
        data = packed(values, depth)
    header = struct.pack(">IIBBBBB", columns, rows, depth, color, 0, 0, int(interlaced))
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    if color == 3:
        file += chunk(b"PLTE", rng.integers(0, 256, 3 << depth, dtype=np.uint8).tobytes())
    if transparency:
        file += chunk(b"tRNS", {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\0\x80"}[color])
    if orientation:
        file += chunk(b"eXIf", exif(orientation))
    file += chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    if depth == 16:  # Pillow cuts grey ones; the upper halves are the same for all
        pixels = (values >> 8).astype(np.uint8)
        pixels = pixels[:, :, :3] if color in (2, 6) else pixels[:, :, :1].repeat(3, 2)
        return file, Image.fromarray(pixels)
    return file, None


def smooth(rng, rows, columns):
    """Something like a photograph: JPEG's rounding shows, its worst artefacts do not."""
    coarse = rng.integers(0, 256, (rows // 6 + 2, columns // 6 + 2, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(file):
    image = Image.open(io.BytesIO(file))
    return ImageOps.exif_transpose(image).convert("RGB")


def files(rng, largest):
    """Names of tolerance classes, files, and images where Pillow's reading is not wanted."""
    def size():
        return int(rng.integers(1, largest + 1)), int(rng.integers(1, largest + 1))

    for color, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                yield "exact", *png(rng, *size(), color, depth, interlaced)
    for color in (0, 2, 3):
        yield "exact", *png(rng, *size(), color, 8, False, transparency=True)
    for orientation in range(1, 9):
        yield "exact", *png(rng, *size(), 2, 8, False, orientation=orientation)
        image = smooth(rng, *size())
        data = b"Exif\0\0" + exif(orientation, big_endian=orientation % 2 == 0)
        yield "jpeg", encoded(image, "JPEG", exif=data, quality=90), None
        yield "webplossless", encoded(image, "WEBP", lossless=True, exif=data), None
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            image = smooth(rng, *size())
            quality = int(rng.integers(30, 100))
            yield "jpeg", encoded(
                image, "JPEG", subsampling=subsampling, progressive=progressive,
                quality=quality), None
    yield "jpeg", encoded(smooth(rng, *size()).convert("L"), "JPEG"), None
    yield "cmyk", encoded(smooth(rng, *size()).convert("CMYK"), "JPEG", quality=95), None
    yield "webp", encoded(smooth(rng, *size()), "WEBP", quality=90), None
    image = smooth(rng, *size())
    alpha = image.copy()
    alpha.putalpha(image.convert("L"))
    yield "webplossless", encoded(alpha, "WEBP", lossless=True, exact=True), None
    for kind in ("BMP", "TIFF", "GIF", "PPM"):
        yield "exact", encoded(image, kind), None
    yield "exact", encoded(image.convert("L"), "BMP"), None
    yield "exact", encoded(image.convert("L"), "TIFF", compression="tiff_lzw"), None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--largest", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    for number in range(options.rounds):
        case = Case(f"still_{number}", "still")
        for place, (label, file, image) in enumerate(files(rng, options.largest)):
            case.add(f"input.file_{label}_{place}", np.frombuffer(file, np.uint8))
            case.add(f"output.pixels_{label}_{place}", np.asarray(image or read(file)))
        case.write(
            options.folder, 0, 0, **{
                "output.pixels_jpeg_*": (4, 0), "output.pixels_cmyk_*": (6, 0),
                "output.pixels_webp_*": (4, 0)})
        print(f"{case.name}: {place + 1} files")


if __name__ == "__main__":
    main()
