import Diffusion
import MediaIO

/// What a job will do and need, known before any network is loaded.
package struct JobPlan: Sendable {
  /// Of the output.
  package var size: PictureSize
  package var frameRate: Rational
  /// Frames of the driving video; as far as the container tells it before they were read.
  package var drivingFrames: Int
  /// Whether `drivingFrames` was counted.
  package var isCounted: Bool
  /// Frames that are made, 4 k + 1; the first is dropped.
  package var madeFrames: Int
  /// Frames of the output.
  package var outputFrames: Int
  package var windows: ContextWindows
  package var steps: Int
  /// Passes of the transformer over a window, each guidance branch counted.
  package var forwards: Int
  package var memoryMode: MemoryMode
  /// Bytes of memory of its own at the peak, about; without mapped weights.
  package var peakMemory: Int
  /// Bytes of mapped weights that the file cache should hold for full speed.
  package var mappedWeights: Int
  /// Bytes that the work folder and the output will take, about.
  package var disk: Int
  /// Operations of the job, a multiply-add counted as two.
  package var operations: Double
  package var workFolder: String

  package init(
    size: PictureSize, frameRate: Rational, drivingFrames: Int, isCounted: Bool, madeFrames: Int,
    outputFrames: Int, windows: ContextWindows, steps: Int, forwards: Int, memoryMode: MemoryMode,
    peakMemory: Int, mappedWeights: Int, disk: Int, operations: Double, workFolder: String
  ) {
    self.size = size
    self.frameRate = frameRate
    self.drivingFrames = drivingFrames
    self.isCounted = isCounted
    self.madeFrames = madeFrames
    self.outputFrames = outputFrames
    self.windows = windows
    self.steps = steps
    self.forwards = forwards
    self.memoryMode = memoryMode
    self.peakMemory = peakMemory
    self.mappedWeights = mappedWeights
    self.disk = disk
    self.operations = operations
    self.workFolder = workFolder
  }

  package var latentFrames: Int { LatentScale.latentFrames(ofVideoFrames: madeFrames) }
}
