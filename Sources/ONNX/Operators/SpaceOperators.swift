import TensorCore

/// Rearrangements of blocks of pixels and channels.
let spaceOperators: [String: OperatorDefinition] = [
  "DepthToSpace": OperatorDefinition(inputs: 1...1) { preparation in
    let block = try blockSize(preparation.node)
    let mode = try preparation.node.string("mode", default: "DCR")
    guard mode == "DCR" || mode == "CRD" else { throw ONNXError.invalid("mode '\(mode)'") }
    return { inputs in
      guard let x = inputs[0], x.shape.rank == 4, x.shape[1] % (block * block) == 0 else {
        throw ONNXError.invalid("expected [N, C, H, W] with C a multiple of \(block * block)")
      }
      let (n, h, w) = (x.shape[0], x.shape[2], x.shape[3])
      let c = x.shape[1] / (block * block)
      let parts = mode == "DCR" ? [n, block, block, c, h, w] : [n, c, block, block, h, w]
      let order = mode == "DCR" ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]
      let view = try x.rowMajor(on: preparation.context.compute).reshaped(Shape(validating: parts))
      return [
        try view.permuted(order).reshaped(Shape(validating: [n, c, h * block, w * block]))
      ]
    }
  },
  "SpaceToDepth": OperatorDefinition(inputs: 1...1) { preparation in
    let block = try blockSize(preparation.node)
    return { inputs in
      guard let x = inputs[0], x.shape.rank == 4, x.shape[2] % block == 0, x.shape[3] % block == 0
      else { throw ONNXError.invalid("expected [N, C, H, W] with H, W multiples of \(block)") }
      let (n, c) = (x.shape[0], x.shape[1])
      let (h, w) = (x.shape[2] / block, x.shape[3] / block)
      let view = try x.rowMajor(on: preparation.context.compute).reshaped(
        Shape(validating: [n, c, h, block, w, block]))
      return [
        try view.permuted([0, 3, 5, 1, 2, 4]).reshaped(
          Shape(validating: [n, c * block * block, h, w]))
      ]
    }
  },
]

private func blockSize(_ node: Node) throws -> Int {
  guard let block = try node.int("blocksize"), (1...(1 << 15)).contains(block) else {
    throw ONNXError.invalid("it has no blocksize above 0")
  }
  return block
}
