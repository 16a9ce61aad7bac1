import TensorCore

/// Other element types: casts and quantised numbers.
let conversionOperators: [String: OperatorDefinition] = [
  "Cast": OperatorDefinition(since: 6, inputs: 1...1) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    guard let type = try node.elementType("to") else {
      throw ONNXError.invalid("attribute 'to' is missing")
    }
    let saturates = try node.flag("saturate", default: true)
    return { values in
      [try cast(values.operand(0), to: type, saturates: saturates, on: context)]
    }
  },
  "CastLike": OperatorDefinition(since: 15, inputs: 2...2) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let saturates = try node.flag("saturate", default: true)
    return { values in
      let type = try values.operand(1).dtype
      return [try cast(values.operand(0), to: type, saturates: saturates, on: context)]
    }
  },
  "QuantizeLinear": OperatorDefinition(since: 10, inputs: 2...3) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let grain = try Grain(node)
    // 0 stands for none.
    let named = try node.int("output_dtype") == 0 ? nil : node.elementType("output_dtype")
    return { values in
      let (x, scale) = (try values.operand(0), try values.operand(1))
      let zero = values.optional(2)
      return [
        try quantized(
          x, scale: scale, zero: zero, to: zero?.dtype ?? named ?? .u8, grain, on: context)
      ]
    }
  },
  "DequantizeLinear": OperatorDefinition(since: 10, inputs: 2...3) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let grain = try Grain(node)
    let named = try node.int("output_dtype") == 0 ? nil : node.elementType("output_dtype")
    return { values in
      let (x, scale) = (try values.operand(0), try values.operand(1))
      return [
        try dequantized(
          x, scale: scale, zero: values.optional(2), to: named ?? scale.dtype, grain, on: context)
      ]
    }
  },
  "DynamicQuantizeLinear": OperatorDefinition(since: 11, inputs: 1...1, outputs: 3) {
    let context = $0.context
    return { values in
      let x = try materialized(values.operand(0), on: context)
      guard x.dtype == .f32, x.count > 0 else {
        throw ONNXError.invalid("expected F32 elements, found \(x.dtype.rawValue) \(x.shape)")
      }
      let extremes = try x.extremes(on: context.compute)
      let (least, greatest) = (min(0, extremes.smallest), max(0, extremes.largest))
      let scale = (greatest - least) / 255
      let offset = scale == 0 ? 0 : (0 - least / scale).rounded(.toNearestOrEven)
      let scaleTensor = try numberTensor(Double(scale), .f32, on: context)
      let zero = try numberTensor(Double(min(max(offset, 0), 255)), .u8, on: context)
      let y = try quantized(
        x, scale: scaleTensor, zero: zero, to: .u8, Grain(axis: 1, blockSize: 0), on: context)
      return [y, scaleTensor, zero]
    }
  },
]

extension Grain {
  fileprivate init(_ node: Node) throws {
    axis = try node.int("axis", default: 1)
    blockSize = try node.int("block_size", default: 0)
  }
}
