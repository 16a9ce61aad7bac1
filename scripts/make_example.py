#!/usr/bin/env python3
"""Makes the project's example: a portrait and a driving video with sound, from one photograph.

    python3 make_example.py FOLDER [--truth FILE.safetensors [--every N]] [--sentence TEXT]
                            [--seed N] [--size WIDTHxHEIGHT] [--rate RATE]

writes FOLDER/portrait.png and FOLDER/driving.mp4. The photograph is scikit-image's `astronaut`
(Eileen Collins, NASA, public domain); espeak-ng speaks the sentence, the mouth opens with its
loudness, and eyes, brows and head move by themselves. The same seed gives the same pictures.
`--truth` writes the 222 landmarks (example_face/layout.py) and the angles in degrees of every
N-th frame.

Needs numpy, scikit-image, opencv (safetensors for --truth), and the programs espeak-ng and ffmpeg.
"""

import argparse
import fractions
import pathlib
import subprocess
import tempfile
import wave

import cv2
import numpy as np

from example_face import motion

SENTENCE = "Hello! I was made from one photograph. Do you see me move?"
# Left, top and width of the portrait on the photograph.
PORTRAIT, PORTRAIT_SIDE = (106, 2, 240), 512
# What the middle of a driving video shows: centre and height on the photograph.
DRIVING_CENTRE, DRIVING_HEIGHT = (224, 124), 236
PAUSE = 0.3  # seconds before and after the sentence


def view(left, top, width, pixels):
    """The photograph's pixels to those of a picture that is `pixels` wide."""
    scale = pixels / width
    return np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])


def speak(sentence, path):
    """Writes the spoken sentence and returns samples in [-1, 1] and their rate."""
    subprocess.run(
        ["espeak-ng", "-v", "en+f3", "-s", "160", "-w", str(path), sentence], check=True)
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
    pause = np.zeros(int(PAUSE * rate))
    sound = np.concatenate([pause, sound, pause])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return sound, rate


def smoothed(values, sigma):
    at = np.arange(-int(4 * sigma) - 1, int(4 * sigma) + 2)
    kernel = np.exp(-(at / sigma) ** 2 / 2)
    return np.convolve(np.pad(values, len(at) // 2, mode="edge"), kernel / kernel.sum(), "valid")


def mouth(sound, rate, frames, frame_rate):
    """Loudness and brightness of the sound round each frame, both about 0 to 1."""
    half = rate // 40
    sound = np.pad(sound, half)
    loudness, brightness = np.zeros(frames), np.zeros(frames)
    for frame in range(frames):
        middle = half + int((frame + 0.5) / frame_rate * rate)
        piece = sound[max(0, middle - half):middle + half]
        if len(piece):
            loudness[frame] = np.sqrt(np.mean(piece ** 2))
            brightness[frame] = np.mean(np.abs(np.diff(piece, prepend=piece[:1])))
    brightness = np.clip(brightness / np.maximum(loudness, 1e-3) / 0.5, 0, 1)
    return smoothed(loudness / max(loudness.max(), 1e-9), 0.8), smoothed(brightness, 1.2)


def blinks(frames, frame_rate, random):
    """How far the lids are closed in each frame."""
    result = np.zeros(frames)
    profile = np.interp(np.arange(0, 0.32, 1 / frame_rate), [0, 0.1, 0.14, 0.32], [0, 1, 1, 0])
    at = 0.5 * frame_rate
    while at < frames - len(profile):
        start = int(at)
        result[start:start + len(profile)] = profile
        at += random.uniform(1.0, 1.8) * frame_rate
    return 0.95 * smoothed(result, 0.6)


def wander(frames, frame_rate, random, slowest=0.22, fastest=0.7):
    """A slow curve between about -1 and 1."""
    t = np.arange(frames) / frame_rate
    curve = sum(
        weight * np.sin(2 * np.pi * (random.uniform(slowest, fastest) * t + random.uniform()))
        for weight in (0.6, 0.3, 0.2))
    return np.asarray(curve)


def poses(sound, rate, frames, frame_rate, seed):
    random = np.random.default_rng(seed)
    loudness, brightness = mouth(sound, rate, frames, frame_rate)
    lids = blinks(frames, frame_rate, random)
    yaw, pitch, roll, right, down, gaze, raised, sway, near = (
        wander(frames, frame_rate, random) for _ in range(9))
    stress = smoothed(loudness, 6)
    for frame in range(frames):
        scale = 1 + 0.04 * near[frame]
        turn = np.radians(1.5 * sway[frame])
        turned = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        centre = np.array([224, 230])
        body = np.column_stack([turned, centre - turned @ centre + (4 * sway[frame], 0)])
        lift = 2.2 * max(0, raised[frame]) + 3 * stress[frame] - 0.6
        yield motion.Pose(
            jaw=-4 + 13 * loudness[frame] ** 0.7,
            width=-0.02 - 0.13 * loudness[frame] * (1 - brightness[frame]),
            lids=(lids[frame], lids[frame]), brows=(lift, lift),
            gaze=(1.3 * gaze[frame], 0.3 * pitch[frame]),
            yaw=10 * yaw[frame], pitch=5 * pitch[frame] + 4 * stress[frame],
            roll=5 * roll[frame], shift=(4 * right[frame], 2.5 * down[frame]), body=body)


def write_video(path, pictures, size, frame_rate, sound):
    command = [
        "ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", f"{size[0]}x{size[1]}", "-r", str(frame_rate), "-i", "-", "-i", str(sound),
        "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-c:v", "libx264", "-preset", "slow",
        "-crf", "21", "-threads", "1", "-pix_fmt", "yuv420p", "-colorspace", "bt709",
        "-color_primaries", "bt709", "-color_trc", "bt709", "-c:a", "aac", "-b:a", "64k",
        "-shortest", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
        "-movflags", "+faststart", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        for picture in pictures:
            process.stdin.write(picture.tobytes())
        process.stdin.close()
        if process.wait() != 0:
            raise SystemExit("ffmpeg failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--truth", type=pathlib.Path, help="where to write the true landmarks")
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--sentence", default=SENTENCE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="480x640")
    parser.add_argument("--rate", type=fractions.Fraction, default=fractions.Fraction(25))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    photograph = motion.Photograph()

    still = photograph.picture(
        motion.Pose(), view(*PORTRAIT, PORTRAIT_SIDE), (PORTRAIT_SIDE, PORTRAIT_SIDE))
    cv2.imwrite(str(options.folder / "portrait.png"), still[:, :, ::-1],
                [cv2.IMWRITE_PNG_COMPRESSION, 9])

    size = tuple(int(side) for side in options.size.split("x"))
    shown = DRIVING_HEIGHT * size[0] / size[1]
    matrix = view(
        DRIVING_CENTRE[0] - shown / 2, DRIVING_CENTRE[1] - DRIVING_HEIGHT / 2, shown, size[0])
    truth, euler = [], []

    def pictures(moves):
        for pose in moves:
            truth.append(motion.transformed(motion.landmarks(pose), matrix))
            euler.append(motion.angles(pose))
            yield photograph.picture(pose, matrix, size)

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "speech.wav"
        sound, rate = speak(options.sentence, path)
        # The largest count of frames that the model can use.
        frames = (int(len(sound) / rate * options.rate) - 1) // 4 * 4 + 1
        moves = poses(sound, rate, frames, float(options.rate), options.seed)
        write_video(options.folder / "driving.mp4", pictures(moves), size, options.rate, path)
    if options.truth:
        from safetensors.numpy import save_file

        every = slice(None, None, options.every)
        save_file({
            "frames": np.arange(frames, dtype=np.int32)[every],
            "landmarks": np.array(truth, np.float32)[every],
            "euler": np.array(euler, np.float32)[every]}, options.truth)
    print(f"{frames} frames of {size[0]} x {size[1]} at {options.rate} a second")


if __name__ == "__main__":
    main()
