import COpenBLAS

/// The OpenBLAS library that this program runs with.
package enum OpenBLASLibrary {
  /// Version and build options, as the library describes itself.
  package static var configuration: String { text(openblas_get_config()) }

  /// The processor type whose kernels the library chose.
  package static var coreName: String { text(openblas_get_corename()) }

  private static func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
  }
}
