/// What can go wrong with tensors made from a user's data.
package enum TensorError: Error, Equatable, CustomStringConvertible {
  case invalidShape([Int])
  case outOfMemory(bytes: Int)
  case shapeMismatch(operation: String, expected: String, found: String)
  case unsupportedType(operation: String, found: DType)
  case readOnlyResult(operation: String)
  case mapFailed(path: String, reason: String)
  case unknownInstructionSet(String)
  case unavailableInstructionSet(String, best: String)

  /// What failed, what was expected, what was found.
  package var description: String {
    switch self {
    case .invalidShape(let axes):
      "shape \(axes) is not possible: an axis is negative or the element count overflows"
    case .outOfMemory(let bytes):
      "cannot allocate \(bytes) bytes: free memory, or use a memory mode that needs less"
    case .shapeMismatch(let operation, let expected, let found):
      "\(operation): expected \(expected), found \(found)"
    case .unsupportedType(let operation, let found):
      "\(operation): element type \(found.rawValue) is not supported"
    case .readOnlyResult(let operation):
      "\(operation): the result would go into read-only memory, such as a mapped file"
    case .mapFailed(let path, let reason):
      "\(path): cannot be mapped: \(reason)"
    case .unknownInstructionSet(let name):
      "FLASHPORTRAIT_ISA=\(name): expected generic, neon, avx2, avx512 or amx"
    case .unavailableInstructionSet(let name, let best):
      "FLASHPORTRAIT_ISA=\(name): this machine has no such instructions; its best is \(best)"
    }
  }
}
