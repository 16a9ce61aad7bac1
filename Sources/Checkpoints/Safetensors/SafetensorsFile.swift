import TensorCore

/// An open safetensors file.
package struct SafetensorsFile: TensorFile {
  package let path: String
  package let format = CheckpointFormat.safetensors
  package let metadata: [String: String]

  /// In the order of their data.
  package let entries: [TensorEntry]

  private let offsets: [Int]
  private let places: [String: Int]
  private let storage: TensorStorage

  /// Maps a file and reads its header; the data are not touched.
  ///
  /// - Throws: `CheckpointError.unreadable`, `.malformed`, `.unsupported`.
  package init(path: String) throws {
    try self.init(MappedFile(checkpoint: path))
  }

  init(_ file: MappedFile) throws {
    let header = try SafetensorsHeader(file)
    path = file.path
    metadata = header.metadata
    entries = header.items.map(\.entry)
    offsets = header.items.map(\.bytes.lowerBound)
    places = Dictionary(
      uniqueKeysWithValues: entries.enumerated().map { ($0.element.name, $0.offset) })
    storage = .mapped(file)
  }

  /// A view of the mapped data, or a copy where the file keeps them at an address that their type
  /// cannot have: the first writers of the format did not pad the header, all later ones do.
  package func tensor(_ name: String) throws -> Tensor {
    guard let place = places[name] else {
      throw CheckpointError.noSuchTensor(path: path, tensor: name)
    }
    let entry = entries[place]
    let view = Tensor(
      storage: storage, dtype: entry.dtype, shape: entry.shape, byteOffset: offsets[place])
    guard offsets[place] % entry.dtype.byteCount != 0 else { return view }
    let copy = try Tensor(uninitialized: entry.shape, dtype: entry.dtype)
    copy.pointer.copyMemory(from: view.pointer, byteCount: entry.byteCount)
    return copy
  }
}

extension MappedFile {
  /// Maps a checkpoint's file.
  ///
  /// - Throws: `CheckpointError.unreadable`.
  convenience init(checkpoint path: String) throws {
    do {
      try self.init(path: path)
    } catch TensorError.mapFailed(let path, let reason) {
      throw CheckpointError.unreadable(path: path, reason: reason)
    }
  }
}
