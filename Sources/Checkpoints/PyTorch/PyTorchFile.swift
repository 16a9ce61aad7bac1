import TensorCore

/// A checkpoint that `torch.save` wrote (.pt, .pth, .bin): a ZIP archive of a pickle and of the
/// storages' bytes. Opening reads the directory and the pickle; tensors are views of the mapping.
package struct PyTorchFile: TensorFile {
  package let path: String
  package let metadata: [String: String]
  package let entries: [TensorEntry]

  package var format: CheckpointFormat { .pyTorch }

  private let archive: ZipArchive
  private let storage: TensorStorage
  private let views: [String: StoredView]

  /// Tensors whose element types we do not have, with PyTorch's names of these.
  private let unreadable: [String: String]

  /// Opens a file.
  ///
  /// - Throws: `CheckpointError`: damaged, of an older or other format, or naming anything that a
  ///   tensor does not need.
  package init(path: String) throws {
    try self.init(MappedFile(checkpoint: path))
  }

  init(_ file: MappedFile) throws {
    let path = file.path
    try ForeignFormat.refuse(file)
    let archive = try ZipArchive(file)
    let layout = try PyTorchLayout(archive, path: path)
    let pickle = try archive.data(of: layout.pickle)
    try archive.verifyChecksum(of: layout.pickle)
    var machine = try PickleMachine(pickle, path: path)
    let root = try machine.run()
    let contents = try PyTorchContents(root, of: machine)
    var entries: [TensorEntry] = []
    var views: [String: StoredView] = [:]
    var unreadable: [String: String] = [:]
    for (name, tensor) in contents.tensors {
      guard views[name] == nil, unreadable[name] == nil else {
        throw CheckpointError.duplicateTensor(path: path, tensor: name)
      }
      guard let dtype = tensor.type.dtype else {
        unreadable[name] = "torch." + tensor.type.rawValue
        continue
      }
      let view = try StoredView(
        tensor, dtype: dtype, name: name, machine: machine, layout: layout)
      views[name] = view
      entries.append(TensorEntry(name: name, dtype: dtype, shape: view.shape))
    }
    self.path = path
    self.archive = archive
    self.entries = entries
    self.views = views
    self.unreadable = unreadable
    metadata = contents.metadata.merging(unreadable.mapValues { "(\($0), not read)" }) { $1 }
    storage = .mapped(file)
  }

  /// A view of a tensor's elements. Those that are not contiguous, or that lie at an address
  /// their type does not allow (in an archive that was packed again), are copied.
  ///
  /// - Throws: `CheckpointError.noSuchTensor`, `.unsupported`, `.malformed`.
  package func tensor(_ name: String) throws -> Tensor {
    guard let view = views[name] else {
      guard let type = unreadable[name] else {
        throw CheckpointError.noSuchTensor(path: path, tensor: name)
      }
      throw CheckpointError.unsupported(
        path: path, tensor: name, found: "element type \(type)",
        advice: "convert the tensor before saving it")
    }
    let start = try archive.dataOffset(of: view.entry) + view.byteOffset
    let tensor = Tensor(
      storage: storage, dtype: view.dtype, shape: view.shape, strides: view.strides,
      byteOffset: start)
    if start.isMultiple(of: view.dtype.byteCount) { return try tensor.contiguous() }
    return try aligned(tensor, extent: view.byteExtent)
  }

  /// A contiguous copy of a tensor that starts at an odd address.
  private func aligned(_ tensor: Tensor, extent: Int) throws -> Tensor {
    let copy = try TensorStorage.allocate(byteCount: extent)
    copy.base.copyMemory(from: tensor.pointer, byteCount: extent)
    return try Tensor(
      storage: copy, dtype: tensor.dtype, shape: tensor.shape, strides: tensor.strides
    ).contiguous()
  }
}

/// Where the parts of a `torch.save` archive lie: all in one folder, named "archive" or as the file.
struct PyTorchLayout {
  let pickle: ZipArchive.Entry

  private let archive: ZipArchive
  private let folder: String
  private let path: String

  /// - Throws: `CheckpointError` for archives of other kinds and for big-endian files.
  init(_ archive: ZipArchive, path: String) throws {
    self.archive = archive
    self.path = path
    let pickleName = "/data.pkl"
    let candidates = archive.names.filter { name in
      name.hasSuffix(pickleName) && name.utf8.count { $0 == UInt8(ascii: "/") } == 1
    }
    guard candidates.count == 1, let name = candidates.first, let pickle = archive[name] else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "one <folder>/data.pkl as torch.save writes it",
        found: "\(candidates.count) in an archive of \(archive.names.count) entries")
    }
    self.pickle = pickle
    folder = String(name.dropLast(pickleName.count))
    guard archive["\(folder)/constants.pkl"] == nil else {
      throw CheckpointError.unsupported(
        path: path, tensor: nil, found: "a TorchScript program",
        advice: "save the model's state_dict() with torch.save")
    }
    try archive.requireStored()
    if let order = archive["\(folder)/byteorder"] {
      let text = String(decoding: try archive.data(of: order).prefix(16), as: UTF8.self)
      guard text == "little" else {
        throw CheckpointError.unsupported(
          path: path, tensor: nil, found: "byte order \(text.debugDescription)",
          advice: "load the file in PyTorch and save it on a little-endian machine")
      }
    }
  }

  /// The entry with a storage's bytes.
  func data(_ key: String) -> ZipArchive.Entry? { archive["\(folder)/data/\(key)"] }
}
