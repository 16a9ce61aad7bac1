import Foundation
import ONNX
import TensorCore
import TestSupport

/// A case of the ONNX project's backend tests: a model, inputs, and the outputs that it must make.
struct BackendCase: Sendable {
  /// "node", "light" ...
  let group: String
  let name: String
  let model: URL
  /// Folders of `input_N.pb` and `output_N.pb`.
  let data: [URL]
  /// For networks without data: files of the expected outputs; the input is a ramp from 0 to 1.
  let outputsOfRamp: [URL]

  /// "node/test_relu".
  var description: String { "\(group)/\(name)" }

  /// The groups that hold the operators to the standard, and our own cases.
  static let groups = [
    "node", "pytorch-operator", "pytorch-converted", "simple", "light", "onnxruntime",
  ]

  /// All cases of the groups below a folder, by name.
  static func all(below folder: URL) throws -> [BackendCase] {
    try groups.flatMap { group -> [BackendCase] in
      let root = folder.appendingPathComponent(group)
      guard FileManager.default.fileExists(atPath: root.path) else { return [] }
      return try contents(of: root).compactMap { try BackendCase($0, group: group) }
    }
  }

  private init?(_ url: URL, group: String) throws {
    self.group = group
    name = url.deletingPathExtension().lastPathComponent
    if url.pathExtension == "onnx" {
      model = url
      data = []
      let prefix = "\(name)_output_"
      outputsOfRamp = try Self.contents(of: url.deletingLastPathComponent())
        .filter { $0.lastPathComponent.hasPrefix(prefix) }
      return
    }
    model = url.appendingPathComponent("model.onnx")
    guard FileManager.default.fileExists(atPath: model.path) else { return nil }
    data = try Self.contents(of: url).filter { $0.lastPathComponent.hasPrefix("test_data_set") }
    outputsOfRamp = []
  }

  static func contents(of folder: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }

  // MARK: Running

  /// What is wrong with the outputs, nil where nothing is.
  ///
  /// - Throws: what the network throws.
  func failure(on context: ComputeContext) throws -> String? {
    let network = try ONNXNetwork(contentsOf: model.path, context: context)
    for (inputs, outputs) in try values(for: network) {
      let results = try network.run(inputs)
      for (description, want) in zip(network.outputs, outputs) {
        guard let got = results[description.name] else { return "no \(description.name)" }
        if let difference = difference(got, want) {
          return "\(description.name): \(difference)"
        }
      }
    }
    return nil
  }

  /// The outputs, for comparing runs with each other.
  func outputs(on context: ComputeContext) throws -> [[UInt8]] {
    let network = try ONNXNetwork(contentsOf: model.path, context: context)
    return try values(for: network).flatMap { inputs, _ in
      let results = try network.run(inputs)
      return network.outputs.compactMap { results[$0.name].map(Self.bytes) }
    }
  }

  private func values(for network: ONNXNetwork) throws -> [([String: Tensor], [Tensor])] {
    if data.isEmpty {
      let ramps = try network.inputs.map { ($0.name, try Self.ramp(for: $0)) }
      let outputs = try outputsOfRamp.map { try TensorFile(contentsOf: $0.path).tensor }
      return [(Dictionary(uniqueKeysWithValues: ramps), outputs)]
    }
    return try data.map { folder in
      let inputs = try Self.tensors("input", in: folder)
      let named = zip(network.inputs, inputs).map { ($0.name, Self.read($1, as: $0.dtype)) }
      let outputs = try Self.tensors("output", in: folder)
      return (
        Dictionary(uniqueKeysWithValues: named),
        zip(network.outputs, outputs).map { Self.read($1, as: $0.dtype) }
      )
    }
  }

  private static func tensors(_ kind: String, in folder: URL) throws -> [Tensor] {
    var tensors: [Tensor] = []
    while true {
      let file = folder.appendingPathComponent("\(kind)_\(tensors.count).pb")
      guard FileManager.default.fileExists(atPath: file.path) else { return tensors }
      tensors.append(try TensorFile(contentsOf: file.path).tensor)
    }
  }

  /// NumPy has no bfloat16: the package's files hold its bits as U16.
  private static func read(_ tensor: Tensor, as type: DType?) -> Tensor {
    guard type == .bf16, tensor.dtype == .u16 else { return tensor }
    return Tensor(storage: tensor.storage, dtype: .bf16, shape: tensor.shape)
  }

  /// i / count, as the test runner of the package gives to networks without data.
  private static func ramp(for input: ValueDescription) throws -> Tensor {
    let axes = (input.dimensions ?? []).map { dimension in
      if case .fixed(let size) = dimension { size } else { 1 }
    }
    let shape = Shape(axes)
    let count = Double(shape.count)
    return try Tensor((0..<shape.count).map { Float(Double($0) / count) }, shape: shape)
  }

  /// The tolerance of the package's own runner (it gives one network more); whole numbers must be
  /// equal.
  private func difference(_ got: Tensor, _ want: Tensor) -> String? {
    guard got.dtype == want.dtype, got.shape == want.shape else {
      return "\(got.dtype.rawValue) \(got.shape), expected \(want.dtype.rawValue) \(want.shape)"
    }
    guard want.dtype.isFloatingPoint else {
      return Self.bytes(got).elementsEqual(Self.bytes(want)) ? nil : "other whole numbers"
    }
    guard let values = try? (got.floats(), want.floats()) else { return "no floats" }
    // The runner compares the bits of bfloat16 as numbers, which allows for one step: its expected
    // values are cut off, not rounded.
    let relative: Float =
      want.dtype == .bf16 ? 0x1p-7 : name == "light_densenet121" ? 2e-3 : 1e-3
    return Comparison(
      values.0, values.1, shape: want.shape, .init(absolute: 1e-7, relative: relative)
    ).failure
  }

  private static func bytes(_ tensor: Tensor) -> [UInt8] {
    withExtendedLifetime(tensor) {
      Array(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount))
    }
  }
}
