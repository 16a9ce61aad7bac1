import TensorCore

/// Something to time, and what it amounts to.
struct MeasuredOperation {
  /// What the user calls it: "gemm".
  let name: String

  /// The flags that describe it, in the order of a table: ("m", 4096).
  let parameters: [(name: String, value: Int)]

  /// The arithmetic whose register-only rate it is compared with.
  let arithmetic: Arithmetic

  /// Operations of one call, a multiply-add counted as two.
  let operations: Double

  /// One call on inputs that were made before.
  let run: () throws -> Void

  /// Figures of its own, asked for after the last call.
  var notes: () -> [Note] = { [] }

  /// A figure besides time and rate.
  struct Note {
    /// Its key in JSON: "seconds_waiting".
    let key: String
    /// What a table calls it.
    let title: String
    let value: Double
    /// What a table says.
    let text: String
  }
}
