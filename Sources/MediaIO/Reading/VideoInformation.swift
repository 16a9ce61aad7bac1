import TensorCore

/// What is known about a video when it is opened.
package struct VideoInformation: Sendable, Equatable {
  package let path: String
  /// Size of the pictures: upright, in square pixels.
  package let columns: Int
  package let rows: Int

  /// The constant rate at which frames are read, see `VideoReader`.
  package internal(set) var frameRate: Rational
  /// Frames by duration, as the container has it; nil where it does not say.
  package let averageFrameRate: Rational?
  /// Seconds, as the container has it; nil where it does not say.
  package let duration: Double?
  /// From duration and rate: what is read may be a few frames more or less. nil where unknown.
  package internal(set) var estimatedFrameCount: Int?

  /// FFmpeg's names of the container's format, of the codec, and of the decoded pixels.
  package let container: String
  package let codec: String
  package let pixelFormat: String

  package let orientation: Orientation
  /// Whether the first frame consists of two fields.
  package let isInterlaced: Bool
  package let isHighDynamicRange: Bool

  /// The best sound stream; nil where there is none.
  package let sound: SoundInformation?
}

/// A video's sound.
package struct SoundInformation: Sendable, Equatable {
  /// Number of the stream in the container.
  package let streamIndex: Int
  package let codec: String
  /// Samples a second.
  package let sampleRate: Int
  package let channels: Int
  /// Seconds from the first picture to the first sample; negative where the sound begins before.
  package let startOffset: Rational
  /// Seconds; nil where the container does not say.
  package let duration: Double?
}

/// A picture of a video at its constant rate.
package struct VideoFrame: Sendable {
  /// U8 `[rows, columns, 3]`, contiguous; repeats share their memory: not to be written to.
  package let pixels: Tensor
  /// Counts from 0.
  package let index: Int
  /// Seconds from the first frame.
  package let time: Rational
  /// Whether it is the frame before once more, which is shown longer than one place of the grid.
  package let isRepeat: Bool
}
