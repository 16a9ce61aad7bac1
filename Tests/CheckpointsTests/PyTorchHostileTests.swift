import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Files made to run code, to use up memory or to read outside their bytes.
@Suite struct PyTorchHostileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ pickle: [UInt8], storages: [[UInt8]] = []) throws -> PyTorchFile {
    try open(archive: PyTorchArchive(pickle: pickle, storages: storages).bytes())
  }

  private func open(archive: [UInt8]) throws -> PyTorchFile {
    try PyTorchFile(path: folder.write(archive, to: "a.pt"))
  }

  /// The text of the error that opening ends in.
  private func message(_ open: @autoclosure () throws -> PyTorchFile) throws -> String {
    let error = try #require(throws: CheckpointError.self) { _ = try open() }
    return "\(error)"
  }

  // MARK: Names

  private static let refused: [(pickle: [UInt8], name: String)] = [
    (Pickle.join("cos\nsystem\n(S'true'\ntR."), "os.system"),
    (Pickle.of("cposix\nsystem\n0}."), "posix.system"),
    (
      Pickle.join([0x80, 4], Pickle.text("builtins"), Pickle.text("eval"), [0x93], "0}."),
      "builtins.eval"
    ),
    (Pickle.join("(ibuiltins\nexec\n."), "builtins.exec"),
    (Pickle.of("}ctorch\nload\nb."), "torch.load"),
    (Pickle.of("ctorch.nn.modules.linear\nLinear\n)."), "torch.nn.modules.linear.Linear"),
    (Pickle.of("ctorch\nQInt8Storage\n"), "torch.QInt8Storage"),
    (Pickle.of("ctorch.storage\nTypedStorage\n"), "torch.storage.TypedStorage"),
    (Pickle.of("ctorch._utils\n_rebuild_qtensor\n"), "torch._utils._rebuild_qtensor"),
    (Pickle.of("ccollections\nOrderedDict.__init__\n"), "collections.OrderedDict.__init__"),
    (Pickle.of("ca\u{1B}[31m\nb\r\n"), "a?[31m.b?"),
  ]

  @Test(arguments: refused)
  func anyOtherNameIsRefusedByName(pickle: [UInt8], name: String) {
    let path = folder.file("a.pt")
    #expect(throws: CheckpointError.forbiddenGlobal(path: path, name: name)) { try open(pickle) }
  }

  @Test func aRefusalSaysWhy() throws {
    let text = try message(open(Array("cos\nsystem\n.".utf8)))
    #expect(text.contains("refused: the pickle names os.system"))
  }

  @Test func instructionsThatTensorsDoNotNeedAreRefused() throws {
    for code: UInt8 in [0x50, 0x6F, 0x82, 0x83, 0x84, 0x92, 0x96, 0x97, 0x98, 0x49, 0x53, 0x00] {
      #expect(
        try message(open([0x80, 2, 0x4E, 0x4E, code, 1, 0x2E])).contains("pickle instruction 0x"))
    }
    #expect(try message(open([0x80, 6, 0x2E])).contains("pickle protocol 6"))
  }

  @Test func callsAreMadeWithTheRightArgumentsOnly() throws {
    let dict = "ccollections\nOrderedDict\n"
    let rebuild = "ctorch._utils\n_rebuild_tensor_v2\n"
    let parameter = "ctorch._utils\n_rebuild_parameter\n"
    for pickle in [
      dict + "(K\u{1}tR.", dict + "NR.", dict + ")R)R.", rebuild + ")R.", rebuild + "(NNNNNNtR.",
      parameter + "(NNNtR.", "ctorch\nFloatStorage\n)R.", "NQ.", "(NNNNNtQ.", dict + "}b.", "]}b.",
      "NNb.", "ctorch\nSize\n(K\u{1}tR.", "(", "0", "1", "2", "a", "s", "e", "u", "t", "R", "Q",
      "b",
      "(N", "Na", "NNNs", "}(Nu", "(0N0.",
    ] {
      #expect(try message(open(Pickle.of(pickle))).contains("of data.pkl"), "\(pickle)")
    }
  }

  // MARK: Views

  private static let views: [([Int64], [Int64], Int64, Bool)] = [
    ([2, 3], [3, 1], 0, true), ([6], [1], 0, true), ([3], [2], 1, true), ([2], [5], 0, true),
    ([1, 3, 1], [Int64.max, 1, -5], 3, true), ([0, 5], [1, 1], 99, true), ([], [], 5, true),
    ([6], [1], 1, false), ([2], [6], 0, false), ([3], [-1], 2, false), ([1], [1], 6, false),
    ([1], [1], -1, false), ([2, 3], [3], 0, false), ([-1], [1], 0, false),
    ([2], [Int64.max], 0, false), ([3, 3], [Int64.max / 2, Int64.max / 2], 0, false),
    ([1 << 62, 4], [0, 1], 0, false), ([0, 1 << 62, 8], [1, 1, 1], 0, false),
    ([1 << 32], [0], 0, false), ([], [], Int64.max, false), ([2], [Int64.min], 0, false),
  ]

  @Test(arguments: views)
  func viewsStayInsideTheirStorage(
    shape: [Int64], strides: [Int64], offset: Int64, isSound: Bool
  ) throws {
    let pickle = Pickle.tensor(shape: shape, strides: strides, offset: offset)
    let storage = (0..<24).map { UInt8($0) }
    guard isSound else {
      let text = try message(open(pickle, storages: [storage]))
      #expect(text.contains("a.pt: tensor 't': "))
      return
    }
    let tensor = try open(pickle, storages: [storage]).tensor("t")
    let count = tensor.count
    #expect(tensor.shape.axes == shape.map(Int.init))
    #expect(try tensor.bytes().count == count * 4)
    if count > 0 { #expect(try tensor.bytes()[0] == UInt8(4 * offset)) }
  }

  @Test func storagesMustBeThereAndOfTheirSize() throws {
    let storage = [UInt8](repeating: 0, count: 24)
    for (pickle, found) in [
      (Pickle.tensor(shape: [6], strides: [1], storageCount: 7), "24 bytes"),
      (Pickle.tensor(shape: [6], strides: [1], storageCount: 5), "24 bytes"),
      (Pickle.tensor(shape: [6], strides: [1], storageCount: -6), "another"),
      (Pickle.tensor(shape: [6], strides: [1], storageCount: .max), "24 bytes"),
      (Pickle.tensor(shape: [6], strides: [1], key: "1"), "none"),
      (Pickle.tensor(shape: [6], strides: [1], key: "../data.pkl"), "none"),
      (Pickle.tensor(shape: [6], strides: [1], storage: "OrderedDict"), "torch.OrderedDict"),
    ] {
      #expect(try message(open(pickle, storages: [storage])).contains(found))
    }
  }

  // MARK: Bombs

  /// Doubles a value many times: `x = (x, x)` or `[x, x]` through the memo.
  private func doubling(_ wrap: [UInt8], times: Int) -> [UInt8] {
    let step = Pickle.join("h\u{0}h\u{0}", wrap, "q\u{0}0")
    let steps = Array(repeatElement(step, count: times).joined())
    return Pickle.of(")q\u{0}0", steps, "h\u{0}.")
  }

  @Test func objectsThatContainThemselvesManyTimesAreBounded() throws {
    #expect(try message(open(doubling([0x86], times: 60))).contains("items"))
    #expect(try message(open(doubling([0x86], times: 5000))).contains("nested deeper"))
    // A list that holds itself, alone and twice.
    #expect(try message(open(Pickle.of("]q\u{0}h\u{0}a."))).contains("nested deeper"))
    #expect(
      try message(open(Pickle.of("]q\u{0}(h\u{0}h\u{0}e."))).contains("nested deeper"))
    // A wrapper that wraps itself.
    let cycle = Pickle.of("}q\u{0}", Pickle.text("state_dict"), "h\u{0}s.")
    #expect(try message(open(cycle)).contains("nested deeper"))
  }

  @Test func absurdLengthsAreRefused() throws {
    let huge = [UInt8](repeating: 0xFF, count: 8)
    for pickle in [
      [0x8B, 0xFF, 0xFF, 0xFF, 0x7F], [0x8B, 0, 0, 0, 0x80], [0x8D] + huge, [0x8E] + huge,
      [0x58, 0xFF, 0xFF, 0xFF, 0xFF], [0x95] + huge, [0x8A, 200], [0x8C, 200],
    ] as [[UInt8]] {
      #expect(try message(open([0x80, 2] + pickle + [0x2E])).contains("inside the pickle"))
    }
    let farMemo: [UInt8] = [0x80, 2, 0x4E, 0x72, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E]
    #expect(try message(open(farMemo)).contains("MiB of objects"))
    #expect(try message(open([0x80, 2, 0x6A, 1, 0, 0, 0, 0x2E])).contains("an object numbered 1"))
  }

  @Test func deepNestingNeedsNoDeepStack() throws {
    let deep = [UInt8](repeating: 0x5D, count: 200_000) + [UInt8](repeating: 0x61, count: 199_999)
    #expect(try message(open([0x80, 2] + deep + [0x2E])).contains("nested deeper"))
    let tuples = [0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2E]
    #expect(try message(open(tuples)).contains("nested deeper"))
    for code: UInt8 in [0x28, 0x4E, 0x5D] {
      let many = [0x80, 2] + [UInt8](repeating: code, count: 3_000_000) + [0x2E]
      #expect(try message(open(many)).contains("MiB of objects"))
    }
  }

  @Test func largeIntegersAreKeptApart() throws {
    let numbers: [(name: String, digits: [UInt8])] = [
      ("a", []), ("b", [0xFF, 0xFF]), ("c", [0, 0, 0, 0, 0, 0, 0, 0x80, 0]),
      ("d", [0, 0, 0, 0, 0, 0, 0, 0x80, 0xFF]), ("e", [0x7F]),
    ]
    let items = numbers.flatMap { number in
      Pickle.join(Pickle.text(number.name), [0x8A, number.digits.count], number.digits)
    }
    let file = try open(Pickle.of("}(", items, "u."))
    #expect(
      file.metadata == ["a": "0", "b": "-1", "c": "(int)", "d": "\(Int.min)", "e": "127"])
  }

  // MARK: Containers

  @Test func twoTensorsOfOneNameAreRefused() throws {
    var pickle = PickleWriter()
    let entry = TensorEntry(name: "x", dtype: .u8, shape: [1])
    pickle.add(entry, key: 0)
    pickle.add(entry, key: 0)
    pickle.finish()
    let path = folder.file("a.pt")
    #expect(throws: CheckpointError.duplicateTensor(path: path, tensor: "x")) {
      try open(pickle.bytes, storages: [[1]])
    }
  }

  @Test func filesWithoutTensorsAreExplained() throws {
    #expect(
      try message(open([0x80, 2, 0x4B, 7, 0x2E])).contains("a file that holds a int, no tensors"))
    #expect(try open([0x80, 2, 0x7D, 0x2E]).entries.isEmpty)
  }
}
