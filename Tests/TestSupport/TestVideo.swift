/// Videos that tests read.
package enum TestVideo {
  /// Makes a video of ffmpeg's moving test picture, or of another of its sources.
  ///
  /// - Returns: the file's path.
  package static func make(
    _ name: String, in folder: TemporaryFolder, source: String = "testsrc2=s=64x48:r=25:d=1",
    _ arguments: [String] = []
  ) throws -> String {
    let path = folder.file(name)
    try TestProgram.ffmpeg(["-f", "lavfi", "-i", source] + arguments + [path])
    return path
  }
}
