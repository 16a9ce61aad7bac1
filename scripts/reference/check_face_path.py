#!/usr/bin/env python3
"""Compares the parts of face_path.py with the golden files of the face (`face_*`).

    python3 check_face_path.py [FOLDER]      Tests/Goldens where none is given

Says how far off each output is, and ends with status 1 where one is out of the file's tolerance.
Needs numpy, opencv and safetensors.
"""

import pathlib
import sys

import cv2
import numpy as np

import face_path
from golden_file import File


def geometry(file):
    bgr, points, box = (file.tensors[f"input.{name}"] for name in ("bgr", "landmarks", "box"))
    picture, pixels, matrix = face_path.detector_input(bgr)
    angle = face_path.eye_angle(points)
    points_matrix = face_path.points_matrix(points, angle)
    results = {
        "detector_image": picture, "detector_input_sub": pixels[:, :, ::4, ::4],
        "detector_matrix": matrix, "box_matrix": face_path.box_matrix(box),
        "box_matrix_17_5": face_path.box_matrix(box, 17.5), "points_matrix": points_matrix,
        "box_crop": crop(bgr, face_path.box_matrix(box)), "points_crop": crop(bgr, points_matrix),
        "eye_angle_degrees": np.degrees([angle]),
        "points_to_crop": face_path.transformed(points, points_matrix),
        "points_back": points, "motion_crop": face_path.motion_crop(bgr, points),
        "umeyama": face_path.similarity(
            points[face_path.MOTION_POINTS], face_path.MOTION_TARGETS),
        "similarity_matrices": np.array([
            face_path.similarity(five, face_path.MOTION_TARGETS)
            for five in file.tensors["input.similarity_points"]])}
    for index, shape in enumerate(file.tensors["input.resize_shapes"]):
        results[f"resize_matrix_{index}"] = face_path.detector_matrix(shape[0], shape[1])
    return results


def crop(bgr, matrix):
    return cv2.warpAffine(bgr, matrix, (face_path.CROP, face_path.CROP))


def detector(file):
    results = {}
    for index, image in enumerate(file.config["images"]):
        width, height = image["image_width"], image["image_height"]
        scores, boxes = ([file.tensors[f"input.{kind}_{index}_stride{stride}"]
                          for stride in face_path.STRIDES] for kind in ("scores", "boxes"))
        matrix = face_path.detector_matrix(width, height)
        results[f"boxes_{index}"], results[f"scores_{index}"] = face_path.boxes_of(
            scores, boxes, matrix, width, height)
    return results


def alignment(file):
    results = {}
    bgr, box = file.tensors["input.bgr"], file.tensors["input.box"]
    previous = file.tensors["input.previous_landmarks"]
    for name, start in (("box", None), ("points", previous)):
        crops = []

        def network(crop, crops=crops):
            crops.append(crop)
            call = len(crops) - 1
            return (file.tensors["input.network_landmarks"][call],
                    file.tensors["input.network_euler"][call], 1)

        points, angles, _, last, matrix = face_path.align(bgr, box, start, network)
        results.update({
            f"{name}_landmarks": points, f"{name}_euler": angles, f"{name}_crop": last,
            f"{name}_matrix": matrix, f"{name}_first_crop": crops[0]})
    return results


def smoother(file):
    smooth = face_path.Smoother()
    pairs = zip(file.tensors["input.landmarks"], file.tensors["input.face_distance"])
    return {"smoothed": np.array([smooth(points, distance) for points, distance in pairs])}


def tracking(file):
    landmarks, euler, probability, visible = (
        file.tensors[f"input.{name}"] for name in ("landmarks", "euler", "prob", "visible"))
    frames, most = len(landmarks), file.tensors["output.face_rects"].shape[1]

    def detect(frame):
        faces = [landmarks[frame, k] for k in range(landmarks.shape[1]) if visible[frame, k]]
        return [np.trunc(face_path.extent(points) + (-3, -2, 2, 4)) for points in faces]

    def align(frame, box, points):
        middle = (box[:2] + box[2:]) / 2 if points is None else points.mean(axis=0)
        nearest = np.argmin(np.hypot(*(landmarks[frame].mean(axis=1) - middle).T))
        return (landmarks[frame, nearest].astype(float), euler[frame, nearest].astype(float),
                probability[frame, nearest])

    results = {"counts": np.zeros(frames), "face_rects": np.full((frames, most, 4), -1.0),
               "face_distances": np.full((frames, most), -1.0),
               "first_points": np.zeros((frames, most, 2))}
    tracker, first = face_path.Tracker(detect, align), {}
    for frame in range(frames):
        records = tracker(frame)
        results["counts"][frame] = len(records)
        for place, record in enumerate(records):
            results["face_rects"][frame, place] = record.box
            results["face_distances"][frame, place] = record.distance
            results["first_points"][frame, place] = record.points[0]
        if records:
            first[frame] = max(records, key=face_path.area).box
    tracker = face_path.Tracker(detect, align)
    found = {}
    for frame, box in first.items():
        records = tracker(frame, box)
        if records:
            found[frame] = max(records, key=face_path.area).points
    results["two_pass_frames"] = list(found)
    results["two_pass_landmarks"] = np.array(list(found.values()))
    results["two_pass_rects"] = np.array([first[frame] for frame in found])
    return results


KINDS = {"face_geometry": geometry, "face_detector_postprocess": detector,
         "face_alignment": alignment, "smoother": smoother, "tracking": tracking}


def main():
    own = pathlib.Path(__file__).parents[2] / "Tests/Goldens"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else own
    wrong = 0
    for path in sorted(folder.glob("*.safetensors")):
        file = File(path)
        if file.config["kind"] not in KINDS:
            continue
        results = KINDS[file.config["kind"]](file)
        for name in file.outputs("output."):
            want = file.tensors[name].astype(float)
            got = np.asarray(results[name.removeprefix("output.")], float)
            text, fits = "has another shape", False
            if got.shape == want.shape:
                off, bound = np.abs(got - want), file.bound(name)
                over, share = bound.get("share_over", (None, None))
                allowed = bound["atol"] + bound["rtol"] * np.abs(want)
                fits = bool((off <= allowed).all())
                if over is not None:
                    fits = fits and bool((off > over).mean() <= share)
                text = f"off by {off.max():.1e}"
            wrong += not fits
            print(f"{file.name}, {name} {list(want.shape)}: {text}"
                  + ("" if fits else ", which is TOO MUCH"))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
