#!/usr/bin/env python3
"""Writes the fixtures of Tests/PortraitModelsTests/FaceNetworkTests.swift: a tiny face detector and
a tiny landmark network as ONNX files, a picture, and what comes out of the whole chain.

    python3 make_face_networks.py ../../Tests/PortraitModelsTests/Fixtures

The networks have random weights but the inputs and outputs of the published ones. onnxruntime runs
them, `check_faces.py` does what comes before and after. Needs onnx, onnxruntime, numpy, opencv,
scikit-image and safetensors.
"""

import argparse
import pathlib

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

import check_faces


def model(nodes, inputs, outputs, weights):
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "face", [value(n, TensorProto.FLOAT, s) for n, s in inputs],
        [value(n, TensorProto.FLOAT, s) for n, s in outputs], tensors)
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(result)
    return result.SerializeToString()


def detector(random):
    """A pyramid of averages, and of each level a score and 32 logits for every cell."""
    weights = {"rows": np.array([0, 33, -1], np.int64)}
    nodes = []
    for index, stride in enumerate((8, 16, 32)):
        weights[f"w{index}"] = random.normal(0, 0.9, (33, 3, 1, 1)).astype(np.float32)
        bias = random.normal(0, 1, 33).astype(np.float32)
        bias[0] = -2
        weights[f"b{index}"] = bias
        nodes += [
            helper.make_node(
                "AveragePool", ["picture"], [f"mean{index}"], kernel_shape=[stride] * 2,
                strides=[stride] * 2, pads=[0, 0, -272 % stride, 0], count_include_pad=1),
            helper.make_node("Conv", [f"mean{index}", f"w{index}", f"b{index}"], [f"maps{index}"]),
            helper.make_node("Reshape", [f"maps{index}", "rows"], [f"flat{index}"]),
            helper.make_node("Transpose", [f"flat{index}"], [f"cells{index}"], perm=[0, 2, 1]),
            helper.make_node(
                "Split", [f"cells{index}", "parts"], [f"logit{index}", f"box{index}"], axis=2),
            helper.make_node("Sigmoid", [f"logit{index}"], [f"score{index}"])]
    weights["parts"] = np.array([1, 32], np.int64)
    cells = [680, 170, 45]
    outputs = [(f"score{i}", [1, n, 1]) for i, n in enumerate(cells)]
    outputs += [(f"box{i}", [1, n, 32]) for i, n in enumerate(cells)]
    return model(nodes, [("picture", [1, 3, 272, 160])], outputs, weights)


def landmarks(random):
    """A face that moves and grows a little with the brightness of 4 x 4 parts of the crop."""
    face = check_faces.face(random, (0.5, 0.5), 0.75).T.reshape(-1)
    weights = {
        "points": random.normal(0, 0.01, (48, 444)).astype(np.float32), "face": face,
        "angles": random.normal(0, 0.05, (48, 3)).astype(np.float32),
        "sure": random.normal(0, 0.2, (48, 1)).astype(np.float32), "one": np.ones(1, np.float32)}
    nodes = [
        helper.make_node(
            "AveragePool", ["crop"], ["mean"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "points", "face"], ["landmarks"]),
        helper.make_node("MatMul", ["flat", "angles"], ["euler"]),
        helper.make_node("Gemm", ["flat", "sure", "one"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"])]
    return model(
        nodes, [("crop", ["batch", 3, 128, 128])],
        [("probability", ["batch", 1]), ("euler", ["batch", 3]), ("landmarks", ["batch", 444])],
        weights)


def planes(picture):
    return picture.transpose(2, 0, 1)[None].astype(np.float32)


def detected(session, picture):
    height, width = picture.shape[:2]
    image = cv2.warpPerspective(
        picture, check_faces.detector_matrix(width, height), (160, 272)).astype(np.float32)
    mean, deviation = np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])
    answers = session.run(None, {"picture": planes((image - mean) / deviation)})
    inputs = {}
    for index, stride in enumerate((8, 16, 32)):
        inputs[f"input.scores_0_stride{stride}"] = answers[index]
        inputs[f"input.boxes_0_stride{stride}"] = answers[3 + index]
    return check_faces.boxes_of(inputs, 0, width, height, check_faces.DETECTOR)


def aligned(session, picture, box):
    matrix = check_faces.box_matrix(box)
    for _ in range(3):
        crop = check_faces.affine(picture, matrix, 128)
        probability, euler, points = session.run(None, {"crop": planes(crop) / 255})
        points = points.reshape(2, 222).T.astype(np.float64)
        found = check_faces.apply(cv2.invertAffineTransform(matrix), points * 128)
        matrix = check_faces.points_matrix(found, check_faces.eye_angle(points))
    return found, np.append(euler[0, :2], probability[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    random = np.random.default_rng(3)
    files = {"detector.onnx": detector(random), "landmarks.onnx": landmarks(random)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sessions = [onnxruntime.InferenceSession(content) for content in files.values()]
    picture = check_faces.picture(random, 150, 210)
    boxes, scores = detected(sessions[0], picture)
    points, answer = aligned(sessions[1], picture, boxes[0])
    print(f"{len(boxes)} boxes, the best {boxes[0]} of score {scores[0]:.3f}")
    save_file(
        {"picture": picture, "boxes": boxes.astype(np.float32), "scores": scores.astype(np.float32),
         "landmarks": points.astype(np.float32), "answer": answer.astype(np.float32)},
        folder / "faces.safetensors")


if __name__ == "__main__":
    main()
