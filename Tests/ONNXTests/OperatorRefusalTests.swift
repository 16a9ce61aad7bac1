import Foundation
import ONNX
import TensorCore
import Testing

/// Operators refuse what a damaged or hostile file may ask of them with an error: they never trap,
/// and never make what does not fit the limit.
@Suite struct OperatorRefusalTests {
  private static let x = Input.zeros([2, 3, 4])

  /// An operand.
  enum Input: Sendable {
    case zeros([Int])
    case integers([Int])
    case integer(Int)
    case floats([Float])
    case float(Float)
    case none

    func tensor() throws -> Tensor? {
      switch self {
      case .zeros(let axes): return try Tensor(zeros: Shape(axes), dtype: .f32)
      case .floats(let values): return try Tensor(values, shape: [values.count])
      case .float(let value): return try Tensor([value], shape: [])
      case .integers(let values): return try Self.whole(values, [values.count])
      case .integer(let value): return try Self.whole([value], [])
      case .none: return nil
      }
    }

    private static func whole(_ values: [Int], _ shape: Shape) throws -> Tensor {
      let tensor = try Tensor(uninitialized: shape, dtype: .i64)
      for (index, value) in values.enumerated() {
        tensor.pointer.storeBytes(of: Int64(value), toByteOffset: 8 * index, as: Int64.self)
      }
      return tensor
    }
  }

  struct Case: Sendable {
    let name: String
    let inputs: [Input]
    let attributes: [String: Attribute]
    var outputs = 1

    init(
      _ name: String, _ inputs: [Input], _ attributes: [String: Attribute] = [:], outputs: Int = 1
    ) {
      self.name = name
      self.inputs = inputs
      self.attributes = attributes
      self.outputs = outputs
    }
  }

  private static let refused: [Case] = [
    Case("Add", [x, .zeros([5])]),
    Case("Add", [x, .integers([1, 2, 3, 4])]),
    Case("And", [x, x]),
    Case("Where", [x, x, x]),
    Case("Reshape", [x, .integers([5, -1])]),
    Case("Reshape", [x, .integers([-1, -1])]),
    Case("Reshape", [x, .integers([.max, .max])]),
    Case("Reshape", [x, .integers([-5])]),
    Case("Reshape", [x, .integers([1, 1, 1, 0])]),
    Case("Reshape", [.zeros([0]), .integers([0, -1])]),
    Case("Transpose", [x], ["perm": .ints([0, 1])]),
    Case("Transpose", [x], ["perm": .ints([0, 1, 1])]),
    Case("Squeeze", [x, .integers([1])]),
    Case("Unsqueeze", [x, .integers([0, 0])]),
    Case("Unsqueeze", [x, .integers([.max])]),
    Case("Unsqueeze", [x, .integers([.min])]),
    Case("Flatten", [x], ["axis": .int(.min)]),
    Case("Concat", [x, .zeros([2, 2, 4])], ["axis": .int(2)]),
    Case("Concat", [x, x], ["axis": .int(.max)]),
    Case("Split", [x, .integers([.max, .max])], outputs: 2),
    Case("Split", [x, .integers([-1, 3])], outputs: 2),
    Case("Split", [x], ["num_outputs": .int(.max)], outputs: 2),
    Case("Slice", [x, .integers([0]), .integers([1]), .integers([0]), .integers([0])]),
    Case("Slice", [x, .integers([0, 0]), .integers([1]), .integers([0])]),
    Case("Slice", [x, .integers([0]), .integers([1]), .integers([7])]),
    Case("Gather", [x, .integers([2])]),
    Case("Gather", [x, .integers([.min])]),
    Case("GatherElements", [x, .integers([0])]),
    Case("GatherND", [x, .integers([0, 0, .max])]),
    Case("GatherND", [x, .integers([0, 0, 0, 0])]),
    Case("GatherND", [x, .integers([0])], ["batch_dims": .int(.max)]),
    Case("ScatterND", [x, .integers([0, 9]), .zeros([4])]),
    Case("ScatterND", [x, .integers([0]), .zeros([3])]),
    Case("ScatterElements", [.zeros([3]), .integers([3]), .zeros([1])]),
    Case("Expand", [x, .integers([.max, 2, 3, 4])]),
    Case("Expand", [.zeros([1]), .integers([1 << 40])]),
    Case("Expand", [x, .integers([-2])]),
    Case("Tile", [x, .integers([.max, 1, 1])]),
    Case("Tile", [x, .integers([1 << 30, 1, 1])]),
    Case("Tile", [x, .integers([-1, 1, 1])]),
    Case("Pad", [x, .integers([.max, 0, 0, .max, 0, 0])]),
    Case("Pad", [x, .integers([.min, 0, 0, 0, 0, 0])]),
    Case("Pad", [x, .integers([-5, 0, 0, 0, 0, 0])]),
    Case("Pad", [x, .integers([1 << 40, 0, 0, 0, 0, 0])], ["mode": .string("reflect")]),
    Case("Pad", [.zeros([0]), .integers([1, 1])], ["mode": .string("edge")]),
    Case("Pad", [x, .integers([1, 1])]),
    Case("ConstantOfShape", [.integers([1 << 20, 1 << 20])]),
    Case("ConstantOfShape", [.integers([.max, .max])]),
    Case("ConstantOfShape", [.integers([-1])]),
    Case("Range", [.float(0), .float(1), .float(0)]),
    Case("Range", [.float(0), .float(.infinity), .float(1)]),
    Case("Range", [.float(0), .float(.nan), .float(1)]),
    Case("Range", [.integer(0), .integer(.max), .integer(1)]),
    Case("TopK", [x, .integers([5])], outputs: 2),
    Case("TopK", [x, .integers([-1])], outputs: 2),
    Case("ArgMax", [.zeros([0, 3])]),
    Case("ReduceSum", [x, .integers([3])]),
    Case("ReduceSum", [x, .integers([0, -3])]),
    Case("Softmax", [x], ["axis": .int(3)]),
    Case("CumSum", [x, .integer(.min)]),
    Case("OneHot", [.integers([0]), .integer(1 << 50), .floats([0, 1])]),
    Case("OneHot", [.integers([0]), .integer(-1), .floats([0, 1])]),
    Case("Trilu", [.zeros([3])]),
    Case("Einsum", [x, x], ["equation": .string("ij,jk->ik")]),
    Case("Einsum", [x], ["equation": .string("ijk->ijj")]),
    Case("Einsum", [x], ["equation": .string("a->b->c")]),
    Case("Einsum", [x], ["equation": .string("iik->k")]),
    Case("Cast", [x], ["to": .int(8)]),
    Case("Cast", [x], ["to": .string("FLOAT")]),
    Case("QuantizeLinear", [x, .floats([1, 2])]),
    Case("DequantizeLinear", [x, .floats([1])], ["block_size": .int(-1)]),
    Case("NonMaxSuppression", [.zeros([1, 2, 4]), .zeros([1, 1, 3])]),
    Case("EyeLike", [.zeros([2, 2])], ["dtype": .int(99)]),
  ]

  @Test(arguments: refused.indices) func isRefused(_ index: Int) throws {
    let test = Self.refused[index]
    do {
      _ = try Self.run(test)
      Issue.record("\(test.name) \(test.inputs) \(test.attributes.keys) was accepted")
    } catch is ONNXError {
    } catch is TensorError {
    }
  }

  private static let accepted: [(Case, [Int])] = [
    (
      Case("Slice", [x, .integers([.max]), .integers([.min]), .integers([0]), .integers([.min])]),
      [1, 3, 4]
    ),
    (
      Case("Slice", [x, .integers([.min]), .integers([.max]), .integers([2]), .integers([.max])]),
      [2, 3, 1]
    ),
    (Case("Pad", [x, .integers([-2, 0, 0, 5, 0, 0])]), [5, 3, 4]),
    (Case("Tile", [.zeros([0, 2]), .integers([7, 3])]), [0, 6]),
    (Case("Trilu", [x, .integer(.max)]), [2, 3, 4]),
    (Case("Trilu", [x, .integer(.min)]), [2, 3, 4]),
    (Case("Shape", [x], ["start": .int(.min), "end": .int(.max)]), [3]),
    (Case("Reshape", [.float(1), .integers([])]), []),
    (Case("ReduceSum", [.zeros([0, 3]), .integers([0])]), [1, 3]),
    (Case("Softmax", [.zeros([0, 3])]), [0, 3]),
    (Case("Concat", [.zeros([0, 3]), .zeros([0, 3])], ["axis": .int(0)]), [0, 3]),
    (Case("NonMaxSuppression", [.zeros([1, 0, 4]), .zeros([1, 1, 0])]), [0, 3]),
  ]

  @Test(arguments: accepted.indices) func isAccepted(_ index: Int) throws {
    let (test, axes) = Self.accepted[index]
    #expect(try Self.run(test)[0].contiguous().shape.axes == axes, "\(test.name)")
  }

  private static func run(_ test: Case) throws -> [Tensor] {
    let inputs = try test.inputs.map { try $0.tensor() }
    let node = Node(
      operatorName: test.name, opset: 21, inputs: inputs.indices.map { "x\($0)" },
      outputs: (0..<test.outputs).map { "y\($0)" }, attributes: test.attributes)
    let definition = try #require(OperatorRegistry.definition(of: node))
    let kernel = try definition.build(
      NodePreparation(
        node: node, constants: inputs.map { _ in nil },
        context: OperatorContext(byteLimit: 1 << 26)))
    return try kernel(inputs)
  }
}
