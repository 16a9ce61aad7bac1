/// How the video's frames and pixels go with latent ones: Wan's autoencoder makes one latent frame of
/// the first frame and one of every four after it, and one latent of 8 x 8 pixels.
package enum LatentScale {
  /// Frames of the video to a latent frame, but for the first.
  package static let frames = 4
  /// Pixels of a side to a latent.
  package static let pixels = 8

  /// Frames of the video that so many latent frames stand for.
  ///
  /// - Parameter count: 1 or more.
  package static func videoFrames(ofLatentFrames count: Int) -> Int { frames * (count - 1) + 1 }

  /// Latent frames that so many frames of the video give, the incomplete last one counted.
  ///
  /// - Parameter count: 1 or more.
  package static func latentFrames(ofVideoFrames count: Int) -> Int {
    (count - 1 + frames - 1) / frames + 1
  }
}
