import Foundation
import ONNX
import TensorCore
import TestSupport
import Testing

/// The ONNX project's backend tests: a committed part, and all of them where
/// `FLASHPORTRAIT_ONNX_TESTS` names the folder of the `onnx` package (`backend/test/data`).
@Suite struct BackendTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures")
  private static let wholeFolder = ProcessInfo.processInfo.environment["FLASHPORTRAIT_ONNX_TESTS"]

  @Test func committedCases() throws {
    let report = try BackendReport(
      BackendCase.all(below: Self.fixtures.appendingPathComponent("Backend")), on: .shared)
    #expect(report.passed > 400, "the committed cases are not all there")
    #expect(report.skipped.isEmpty && report.failures.isEmpty, "\(report.description)")
  }

  /// What the backend tests miss: old operator sets, other attributes and types; expected outputs
  /// from onnxruntime.
  @Test func variants() throws {
    let report = try BackendReport(
      BackendCase.all(below: Self.fixtures.appendingPathComponent("Variants")), on: .shared)
    #expect(report.passed > 100, "the committed cases are not all there")
    #expect(report.skipped.isEmpty && report.failures.isEmpty, "\(report.description)")
  }

  /// The number of threads must not change a bit.
  @Test func threadsDoNotMatter() throws {
    let contexts = try [1, 4].map {
      try ComputeContext(instructionSet: .selected(), threadCount: $0)
    }
    let folders = ["Backend", "Variants"].map { Self.fixtures.appendingPathComponent($0) }
    for test in try folders.flatMap({ try BackendCase.all(below: $0) }) {
      let outputs = try contexts.map { try test.outputs(on: $0) }
      #expect(outputs[0].elementsEqual(outputs[1], by: { $0.elementsEqual($1) }), "\(test.name)")
    }
  }

  @Test(.enabled(if: wholeFolder != nil)) func wholePackage() throws {
    let folder = URL(fileURLWithPath: Self.wholeFolder ?? "")
    let cases = try BackendCase.all(below: folder)
    #expect(cases.count > 1000, "\(folder.path) is not backend/test/data of the package")
    let report = try BackendReport(cases, on: .shared)
    print(report.description)
    #expect(report.failures.isEmpty)
  }
}

/// What became of backend tests, by group and by operator.
struct BackendReport: CustomStringConvertible {
  private struct Count {
    var passed = 0
    var failed = 0
    var skipped = 0
  }

  private(set) var passed = 0
  private(set) var failures: [String] = []
  /// Names of cases by reason.
  private(set) var skipped: [String: [String]] = [:]
  private var groups: [String: Count] = [:]
  private var operators: [String: Count] = [:]

  init(_ cases: [BackendCase], on context: ComputeContext) throws {
    for test in cases { try run(test, on: context) }
  }

  private mutating func run(_ test: BackendCase, on context: ComputeContext) throws {
    let summary = try ModelSummary(contentsOf: test.model)
    if let reason = Self.reasonToSkip(test, summary) {
      skipped[reason, default: []].append(test.description)
      count(test, summary) { $0.skipped += 1 }
      return
    }
    let failure: String?
    do { failure = try test.failure(on: context) } catch { failure = "\(error)" }
    if let failure {
      failures.append("\(test.description): \(failure)")
      count(test, summary) { $0.failed += 1 }
    } else {
      passed += 1
      count(test, summary) { $0.passed += 1 }
    }
  }

  private mutating func count(
    _ test: BackendCase, _ summary: ModelSummary, _ add: (inout Count) -> Void
  ) {
    add(&groups[test.group, default: Count()])
    for name in summary.operators { add(&operators[name, default: Count()]) }
  }

  /// Training, operators that this project does not promise, and types of elements that tensors do not have
  /// here: strings, 4-bit numbers, 8-bit floats other than E4M3FN and E5M2.
  private static func reasonToSkip(_ test: BackendCase, _ summary: ModelSummary) -> String? {
    if test.name.contains("training") { return "training" }
    let odd = summary.types.filter { type in Int(type).map { DType(onnx: $0) == nil } ?? true }
    if let type = odd.min() { return "type \(typeNames[type] ?? type)" }
    let unknown = summary.operators.filter { name in
      name != "If" && OperatorRegistry.standard[name] == nil && !promised.contains(name)
    }
    return unknown.isEmpty ? nil : "operator " + unknown.sorted().joined(separator: ", ")
  }

  private static let typeNames = [
    "8": "string", "18": "float8e4m3fnuz", "20": "float8e5m2fnuz", "21": "uint4", "22": "int4",
    "23": "float4e2m1",
  ]

  /// The operators that detectors, landmark regressors and small transformers use: none of them may
  /// be missing.
  private static let promised = Set(
    """
    Add Sub Mul Div Pow Sqrt Exp Log Abs Neg Floor Ceil Round Clip Min Max Erf Relu LeakyRelu PRelu
    Elu Selu Sigmoid HardSigmoid HardSwish Tanh Softplus Softmax LogSoftmax Gelu Mish Conv
    ConvTranspose BatchNormalization InstanceNormalization LayerNormalization GroupNormalization LRN
    MaxPool AveragePool GlobalAveragePool GlobalMaxPool ReduceMean ReduceSum ReduceMax ReduceMin
    ReduceProd ReduceL2 ArgMax ArgMin TopK Gemm MatMul Reshape Flatten Transpose Squeeze Unsqueeze
    Concat Split Slice Gather GatherElements GatherND Expand Tile Pad Resize Upsample DepthToSpace
    SpaceToDepth Shape Size Constant ConstantOfShape Range Cast Identity Dropout Where Equal Greater
    GreaterOrEqual Less LessOrEqual Not And Or NonMaxSuppression CumSum Einsum Trilu ScatterND
    QuantizeLinear DequantizeLinear
    """.split(whereSeparator: \.isWhitespace).map(String.init))

  var description: String {
    func row(_ name: String, _ count: Count) -> String {
      "\(name): \(count.passed) passed, \(count.failed) failed, \(count.skipped) skipped"
    }
    let reasons = skipped.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
      .map { "skipped for \($0.key): \($0.value.count)" }
    return
      (operators.sorted { $0.key < $1.key }.map { row($0.key, $0.value) } + reasons
      + failures.map { "FAILED \($0)" }
      + groups.sorted { $0.key < $1.key }.map { row($0.key, $0.value) })
      .joined(separator: "\n")
  }
}
