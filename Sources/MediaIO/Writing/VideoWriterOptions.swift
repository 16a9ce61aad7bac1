/// How a video is encoded, and what goes into the file beside its pictures.
package struct VideoWriterOptions: Sendable {
  /// libx264's trade of time for size; the pictures look alike.
  package enum Preset: String, CaseIterable, Sendable {
    case ultrafast, superfast, veryfast, faster, fast, medium, slow, slower, veryslow
  }

  /// Constant quality of libx264, 0 (lossless) to 51; 17 is hard to tell from the original.
  package var quality: Double

  package var preset: Preset

  /// Tags of the file, by name: `title`, `comment`, ... Names that MP4 does not know are kept too.
  package var metadata: [String: String]

  /// Where the sound comes from, nil for a silent video.
  package var sound: SoundSource?

  /// Whether a file of the output's name is replaced.
  package var overwrites: Bool

  package init(
    quality: Double = 17, preset: Preset = .medium, metadata: [String: String] = [:],
    sound: SoundSource? = nil, overwrites: Bool = false
  ) {
    self.quality = quality
    self.preset = preset
    self.metadata = metadata
    self.sound = sound
    self.overwrites = overwrites
  }
}

/// The best sound of a media file, in step with that file's own pictures.
package struct SoundSource: Sendable, Hashable {
  /// The file, with or without pictures.
  package let path: String

  /// Seconds from the file's first picture (of a file without pictures: from its first sound) to
  /// what is heard with the first picture that is written. Below 0, the sound begins later.
  package let start: Rational

  /// Seconds from the first picture to the first sample; nil for what the container says.
  package let offset: Rational?

  package init(path: String, start: Rational = Rational(0)) {
    self.path = path
    self.start = start
    offset = nil
  }

  /// The sound of a video that was opened: in step with its pictures as they are read, which may
  /// begin later than the container says.
  ///
  /// - Returns: nil where it has none.
  package init?(of video: VideoInformation, start: Rational = Rational(0)) {
    guard let sound = video.sound else { return nil }
    path = video.path
    self.start = start
    offset = sound.startOffset
  }
}

/// What a finished video holds.
package struct WrittenVideo: Sendable, Hashable {
  package let frameCount: Int

  /// Seconds, `frameCount` over the frame rate.
  package let duration: Rational

  /// Nil where nobody asked for sound, the source has none, or it could not be used.
  package let sound: WrittenSound?

  /// What could not be kept of the sound, in sentences that name the source.
  package let warnings: [String]
}

/// How the sound came into a video.
package struct WrittenSound: Sendable, Hashable {
  /// FFmpeg's name of the source's codec, and of the one in the video.
  package let sourceCodec: String
  package let codec: String

  /// Whether the source's packets were taken as they are.
  package let isCopied: Bool

  package init(sourceCodec: String, codec: String, isCopied: Bool) {
    self.sourceCodec = sourceCodec
    self.codec = codec
    self.isCopied = isCopied
  }
}
