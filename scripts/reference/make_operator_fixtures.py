#!/usr/bin/env python3
"""Writes cases of operators that the ONNX backend tests miss: old operator sets, other forms of
attributes, element types, negative axes and steps, empty tensors. onnxruntime gives the outputs.

    make_operator_fixtures.py TARGET      TARGET: Tests/ONNXTests/Fixtures/Variants/onnxruntime

The layout is that of the backend tests. Needs: numpy, onnx, onnxruntime.
"""

import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

random = np.random.default_rng(11)


def floats(*shape, dtype=np.float32):
    return random.standard_normal(shape).astype(dtype)


def ints(*values, dtype=np.int64):
    return np.array(values, dtype=dtype)


X = floats(2, 3, 4, 5)

# name, operator, opset, inputs, outputs, attributes
CASES = [
    ("add_9", "Add", 9, [X, floats(4, 1)], 1, {}),
    ("add_f64_11", "Add", 11, [X.astype(np.float64), floats(3, 1, 1, dtype=np.float64)], 1, {}),
    ("div_i32_negative_13", "Div", 13,
     [ints(-7, 7, -7, 7, dtype=np.int32), ints(2, -2, -2, 2, dtype=np.int32)], 1, {}),
    ("mod_i64_13", "Mod", 13, [ints(-7, 7, -7, 7), ints(3, -3, -3, 3)], 1, {}),
    ("mod_fmod_f32_13", "Mod", 13, [floats(3, 4) * 5, floats(4)], 1, {"fmod": 1}),
    ("pow_i32_f32_12", "Pow", 12, [ints(1, 2, 3, dtype=np.int32), np.float32([2, 0.5, 3])], 1, {}),
    ("pow_f32_i64_15", "Pow", 15, [np.abs(X), ints(3)], 1, {}),
    ("clip_6_one_bound", "Clip", 6, [X], 1, {"min": -0.5}),
    ("clip_9", "Clip", 9, [X], 1, {"min": -0.5, "max": 0.25}),
    ("clip_i64_12", "Clip", 12, [ints(-9, 0, 9), ints(-3).reshape(()), ints(4).reshape(())], 1, {}),
    ("max_8_broadcast", "Max", 8, [X, floats(5), floats(3, 1, 1)], 1, {}),
    ("min_i32_12", "Min", 12,
     [ints(5, -1, 3, dtype=np.int32), ints(2, dtype=np.int32)], 1, {}),
    ("mean_8_broadcast", "Mean", 8, [X, floats(5), floats(1)], 1, {}),
    ("prelu_9_channels", "PRelu", 9, [X, floats(3, 1, 1)], 1, {}),
    ("elu_9", "Elu", 9, [X], 1, {"alpha": 0.7}),
    ("selu_9", "Selu", 9, [X], 1, {"alpha": 1.2, "gamma": 0.9}),
    ("hardsigmoid_9", "HardSigmoid", 9, [X], 1, {"alpha": 0.4, "beta": 0.3}),
    ("softplus_9_large", "Softplus", 9, [X * 40], 1, {}),
    ("sigmoid_f64_9", "Sigmoid", 9, [X.astype(np.float64) * 30], 1, {}),
    ("erf_9", "Erf", 9, [X * 2], 1, {}),
    ("round_11_ties", "Round", 11, [np.float32([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997])], 1, {}),
    ("softmax_9", "Softmax", 9, [X], 1, {"axis": 2}),
    ("softmax_11_default", "Softmax", 11, [X], 1, {}),
    ("softmax_13_axis1", "Softmax", 13, [X], 1, {"axis": 1}),
    ("logsoftmax_9", "LogSoftmax", 9, [X], 1, {"axis": 1}),
    ("logsoftmax_11_negative", "LogSoftmax", 11, [X], 1, {"axis": -2}),
    ("hardmax_11", "Hardmax", 11, [X], 1, {"axis": 3}),
    ("reducemean_9_two_axes", "ReduceMean", 9, [X], 1, {"axes": [0, 2], "keepdims": 0}),
    ("reducemean_11_inner", "ReduceMean", 11, [X], 1, {"axes": [-1, -2]}),
    ("reducesum_11_all", "ReduceSum", 11, [X], 1, {"keepdims": 0}),
    ("reducesum_13_noop", "ReduceSum", 13, [X, ints()], 1, {"noop_with_empty_axes": 1}),
    ("reducesum_i64_13", "ReduceSum", 13, [ints(*range(24)).reshape(2, 3, 4), ints(1)], 1, {}),
    ("reducemax_11_outer", "ReduceMax", 11, [X], 1, {"axes": [0]}),
    ("reducemin_u8_12", "ReduceMin", 12,
     [random.integers(0, 255, (4, 5)).astype(np.uint8)], 1, {"axes": [0]}),
    ("reduceprod_11", "ReduceProd", 11, [X], 1, {"axes": [1], "keepdims": 0}),
    ("reducel2_11", "ReduceL2", 11, [X], 1, {"axes": [1, 3]}),
    ("reducel1_11", "ReduceL1", 11, [X], 1, {"axes": [2]}),
    ("reducelogsumexp_11_large", "ReduceLogSumExp", 11, [X * 200], 1, {"axes": [1]}),
    ("argmax_9", "ArgMax", 9, [X], 1, {"axis": 1, "keepdims": 0}),
    ("argmin_11_negative", "ArgMin", 11, [X], 1, {"axis": -1}),
    ("argmax_12_last", "ArgMax", 12, [np.float32([[1, 3, 3], [2, 2, 1]])], 1,
     {"axis": 1, "select_last_index": 1}),
    ("topk_9", "TopK", 9, [X], 2, {"k": 2, "axis": 1}),
    ("topk_10", "TopK", 10, [X, ints(3)], 2, {"axis": -1}),
    ("topk_11_smallest_ties", "TopK", 11, [np.float32([[2, 1, 1, 3, 1]]), ints(4)], 2,
     {"largest": 0}),
    ("reshape_9_zero_minus", "Reshape", 9, [X, ints(0, -1, 5)], 1, {}),
    ("reshape_14_allowzero", "Reshape", 14, [floats(0, 3), ints(3, 0)], 1, {"allowzero": 1}),
    ("flatten_9_axis0", "Flatten", 9, [X], 1, {"axis": 0}),
    ("flatten_11_negative", "Flatten", 11, [X], 1, {"axis": -1}),
    ("transpose_9_default", "Transpose", 9, [X], 1, {}),
    ("transpose_9_nhwc", "Transpose", 9, [floats(2, 20, 9, 17)], 1, {"perm": [0, 2, 3, 1]}),
    ("transpose_13_u8", "Transpose", 13,
     [random.integers(0, 255, (3, 33, 19)).astype(np.uint8)], 1, {"perm": [2, 0, 1]}),
    ("transpose_13_f64_swap", "Transpose", 13, [floats(5, 40, 33, dtype=np.float64)], 1,
     {"perm": [0, 2, 1]}),
    ("squeeze_9", "Squeeze", 9, [floats(1, 3, 1, 5)], 1, {"axes": [0, 2]}),
    ("squeeze_11_negative", "Squeeze", 11, [floats(1, 3, 1, 5)], 1, {"axes": [-2]}),
    ("unsqueeze_9", "Unsqueeze", 9, [floats(3, 4)], 1, {"axes": [0, 3]}),
    ("unsqueeze_11_negative", "Unsqueeze", 11, [floats(3, 4)], 1, {"axes": [-1, -3]}),
    ("concat_9", "Concat", 9, [X, floats(2, 1, 4, 5), floats(2, 0, 4, 5)], 1, {"axis": 1}),
    ("split_9", "Split", 9, [X], 2, {"axis": 2, "split": [1, 3]}),
    ("split_11_even", "Split", 11, [X], 2, {"axis": -2}),
    ("split_18_uneven", "Split", 18, [X], 2, {"axis": 3, "num_outputs": 2}),
    ("slice_9", "Slice", 9, [X], 1, {"starts": [1, -3], "ends": [1000, 4], "axes": [1, 3]}),
    ("slice_10_steps", "Slice", 10, [X, ints(-1, 0), ints(-2**63 + 1, 2**63 - 1), ints(3, 1),
                                     ints(-2, 2)], 1, {}),
    ("slice_13_empty", "Slice", 13, [X, ints(3), ints(1), ints(2)], 1, {}),
    ("gather_9_scalar", "Gather", 9, [X, ints(1).reshape(())], 1, {"axis": 2}),
    ("gather_11_negative", "Gather", 11, [X, ints(-1, 0, -2).reshape(3, 1)], 1, {"axis": 1}),
    ("gather_i32_13", "Gather", 13, [X, ints(1, 1, dtype=np.int32)], 1, {"axis": -1}),
    ("gatherelements_11", "GatherElements", 11, [X, random.integers(-4, 4, (2, 3, 6, 5))], 1,
     {"axis": 2}),
    ("gathernd_11", "GatherND", 11, [X, ints(0, 1, -1, 1, 2, 0).reshape(2, 3)], 1, {}),
    ("gathernd_12_batch", "GatherND", 12, [X, ints(2, 0).reshape(2, 1)], 1, {"batch_dims": 1}),
    ("expand_9", "Expand", 9, [floats(3, 1), ints(2, 1, 6)], 1, {}),
    ("tile_9", "Tile", 9, [floats(2, 3), ints(2, 3)], 1, {}),
    ("pad_9_reflect", "Pad", 9, [X], 1, {"mode": "reflect", "pads": [0, 0, 2, 3, 0, 0, 1, 4]}),
    ("pad_9_value", "Pad", 9, [X], 1, {"pads": [0, 1, 0, 2, 1, 0, 0, -1], "value": 1.5}),
    ("pad_11_edge", "Pad", 11, [X, ints(0, 0, 2, 3, 0, 0, 1, 0)], 1, {"mode": "edge"}),
    ("pad_13_cut", "Pad", 13, [X, ints(0, 0, -1, 0, 0, 0, 2, -3)], 1, {}),
    ("cast_9_f32_i32", "Cast", 9, [np.float32([1.9, -1.9, 0, 300])], 1,
     {"to": onnx.TensorProto.INT32}),
    ("cast_13_i64_u8", "Cast", 13, [ints(1, 255, 256, -1)], 1, {"to": onnx.TensorProto.UINT8}),
    ("cast_13_f32_bool", "Cast", 13, [np.float32([0, -0.0, 0.3, np.nan])], 1,
     {"to": onnx.TensorProto.BOOL}),
    ("cast_13_f32_f16", "Cast", 13, [X * 1000], 1, {"to": onnx.TensorProto.FLOAT16}),
    ("add_f16_13", "Add", 13, [X.astype(np.float16), floats(5).astype(np.float16)], 1, {}),
    ("dropout_9", "Dropout", 9, [X], 1, {"ratio": 0.3}),
    ("where_9_broadcast", "Where", 9, [random.random((3, 1, 1)) > 0.5, X, floats(5)], 1, {}),
    ("equal_bool_11", "Equal", 11, [np.array([True, False]), np.array([[True], [False]])], 1, {}),
    ("greater_9", "Greater", 9, [X, floats(5)], 1, {}),
    ("less_nan_13", "Less", 13, [np.float32([np.nan, 1, 2]), np.float32([1, np.nan, 3])], 1, {}),
    ("nonmaxsuppression_11", "NonMaxSuppression", 11,
     [random.random((2, 30, 4)).astype(np.float32), random.random((2, 3, 30)).astype(np.float32),
      ints(5), np.float32([0.4]), np.float32([0.2])], 1, {}),
    ("cumsum_11", "CumSum", 11, [X, ints(-2, dtype=np.int32).reshape(())], 1,
     {"exclusive": 1, "reverse": 1}),
    ("einsum_attention_12", "Einsum", 12, [floats(2, 5, 3, 4), floats(2, 6, 3, 4)], 1,
     {"equation": "bihd,bjhd->bhij"}),
    ("einsum_ellipsis_12", "Einsum", 12, [floats(2, 3, 4, 5), floats(5, 6)], 1,
     {"equation": "...ij, jk -> ...ik"}),
    ("einsum_three_12", "Einsum", 12, [floats(2, 3), floats(3, 4), floats(4, 5)], 1,
     {"equation": "ab,bc,cd->da"}),
    ("trilu_14_lower", "Trilu", 14, [X, ints(-1).reshape(())], 1, {"upper": 0}),
    ("scatternd_11", "ScatterND", 11, [X, ints(0, 1, 1, 2).reshape(2, 2), floats(2, 4, 5)], 1, {}),
    ("scatterelements_16_add", "ScatterElements", 16,
     [X, random.integers(0, 4, (2, 3, 2, 5)), floats(2, 3, 2, 5)], 1,
     {"axis": 2, "reduction": "add"}),
    ("quantize_10_i8", "QuantizeLinear", 10,
     [X * 100, np.float32(0.7), np.int8(-5)], 1, {}),
    ("quantize_13_axis", "QuantizeLinear", 13,
     [X * 100, np.float32([0.5, 1, 2]), np.uint8([100, 120, 140])], 1, {"axis": 1}),
    ("dequantize_10_u8", "DequantizeLinear", 10,
     [random.integers(0, 255, (3, 4)).astype(np.uint8), np.float32(0.1), np.uint8(7)], 1, {}),
    ("dequantize_13_axis", "DequantizeLinear", 13,
     [random.integers(-128, 127, (2, 3, 4)).astype(np.int8), np.float32([0.1, 0.2, 0.3]),
      np.int8([1, 2, 3])], 1, {"axis": -2}),
    ("dynamicquantize_11", "DynamicQuantizeLinear", 11, [X], 3, {}),
    ("onehot_9", "OneHot", 9, [ints(0, 2, -1, 9), ints(4), np.float32([-1, 2])], 1, {"axis": 0}),
    ("range_f32_11", "Range", 11, [np.float32(1), np.float32(-2), np.float32(-0.4)], 1, {}),
    ("constantofshape_9_empty", "ConstantOfShape", 9, [ints(2, 0, 3)], 1, {}),
    ("shape_15_part", "Shape", 15, [X], 1, {"start": -3, "end": -1}),
    ("isinf_10", "IsInf", 10, [np.float32([np.inf, -np.inf, 1, np.nan])], 1,
     {"detect_negative": 0}),
    ("sum_empty_13", "Add", 13, [floats(0, 3), floats(1, 3)], 1, {}),
    ("reducemax_empty_inner_13", "Concat", 13, [floats(0, 3), floats(2, 3)], 1, {"axis": 0}),
]


def write(case, target):
    name, operator, opset, inputs, outputs, attributes = case
    inputs = [np.asarray(value) for value in inputs]
    names = [f"x{i}" for i in range(len(inputs))]
    results = [f"y{i}" for i in range(outputs)]

    def described(label, value):
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        return helper.make_tensor_value_info(label, kind, value.shape)

    node = helper.make_node(operator, names, results, **attributes)
    given = [described(n, v) for n, v in zip(names, inputs)]

    def model(descriptions):
        graph = helper.make_graph([node], name, given, descriptions)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)],
            ir_version=min(8, 3 + opset // 2))

    untyped = [onnx.ValueInfoProto(name=label) for label in results]
    session = onnxruntime.InferenceSession(model(untyped).SerializeToString())
    values = session.run(results, dict(zip(names, inputs)))
    folder = target / name / "test_data_set_0"
    folder.mkdir(parents=True)
    described_results = [described(n, np.asarray(v)) for n, v in zip(results, values)]
    onnx.save(model(described_results), str(target / name / "model.onnx"))
    for kind, labels, tensors in (("input", names, inputs), ("output", results, values)):
        for index, (label, value) in enumerate(zip(labels, tensors)):
            proto = numpy_helper.from_array(np.asarray(value), label)
            (folder / f"{kind}_{index}.pb").write_bytes(proto.SerializeToString())


def main():
    target = pathlib.Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    failures = 0
    for case in CASES:
        try:
            write(case, target)
        except Exception as error:  # what onnxruntime does not run is no reference
            failures += 1
            print(f"{case[0]}: {error}", file=sys.stderr)
    print(f"{len(CASES) - failures} cases, {failures} refused by onnxruntime")


if __name__ == "__main__":
    main()
