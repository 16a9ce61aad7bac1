import Layers
import MediaIO
import TensorCore
import TestSupport

/// Picture files of all kinds (scripts/reference/check_stills.py).
@Sendable func checkStillPictures(_ golden: Golden, _: Execution) throws -> [String] {
  let folder = try TemporaryFolder()
  let prefix = "input.file_"
  return try golden.names(prefix: prefix).compactMap { name in
    let item = name.dropFirst(prefix.count)
    let path = try folder.write(golden.tensor(name).bytes(), to: String(item))
    do {
      return try golden.difference(StillImage.read(path), from: "output.pixels_\(item)")
    } catch { return "\(golden.name), \(item): \(error)" }
  }
}
