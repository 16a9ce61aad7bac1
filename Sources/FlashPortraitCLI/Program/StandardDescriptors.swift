import Foundation

/// Standard input, output and error as a program may rely on them.
package enum StandardDescriptors {
  /// Occupies those that the parent has closed: otherwise the next file that is opened gets their
  /// number, and messages are written into it. Writing to the stand-in is an error, as it was.
  package static func occupy() {
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
      guard fcntl(descriptor, F_GETFD) < 0, errno == EBADF else { continue }
      // The lowest free number is taken: this one. A machine without /dev/null runs nothing else.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }
}
