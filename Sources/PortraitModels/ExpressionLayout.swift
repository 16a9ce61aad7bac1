import Layers

/// How many numbers of a frame's expression features say what, in the order in which they follow one
/// another.
package struct ExpressionLayout: Sendable, Equatable, Codable {
  package var headPose: Int
  package var eyes: Int
  package var emotion: Int
  package var mouth: Int

  /// PD-FGC's: 554 numbers.
  package static let published = ExpressionLayout(headPose: 6, eyes: 6, emotion: 30, mouth: 512)

  package init(headPose: Int, eyes: Int, emotion: Int, mouth: Int) {
    self.headPose = headPose
    self.eyes = eyes
    self.emotion = emotion
    self.mouth = mouth
  }

  /// A part of the features, in their order.
  package enum Part: String, CaseIterable, CodingKey, Sendable {
    case headPose = "headpose"
    case eyes = "eye"
    case emotion = "emo"
    case mouth
  }

  package typealias CodingKeys = Part

  /// Numbers of a frame.
  package var width: Int { headPose + eyes + emotion + mouth }

  /// Where a part lies in a frame's numbers.
  package subscript(part: Part) -> Range<Int> {
    switch part {
    case .headPose: 0..<headPose
    case .eyes: headPose..<headPose + eyes
    case .emotion: headPose + eyes..<headPose + eyes + emotion
    case .mouth: headPose + eyes + emotion..<width
    }
  }

  /// Checks of the layout as a part of a network's configuration, whatever it is called there.
  static func check(_ network: String) -> ConfigurationCheck<Part> { .init(network) }

  /// - Throws: `NetworkError.configuration` unless each part has a number at least.
  func validate(_ network: String) throws {
    try Self.check(network).sizes([
      (.headPose, headPose), (.eyes, eyes), (.emotion, emotion), (.mouth, mouth),
    ])
  }
}
