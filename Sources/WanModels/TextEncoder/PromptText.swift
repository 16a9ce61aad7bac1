/// What the published pipeline makes of a prompt before it is cut into pieces.
package enum PromptText {
  /// Every stretch of white space as one space, none at the ends: transformers' T5 tokenizer cuts there
  /// and loses it.
  ///
  /// Nothing else is changed. (Wan2.1's own pipelines also resolve HTML's "&amp;" and repair encodings;
  /// FlashPortrait's do not, neither for training nor for inference.)
  package static func withSingleSpaces(_ text: String) -> String {
    text.unicodeScalars.split(whereSeparator: \.properties.isWhitespace)
      .map { String(String.UnicodeScalarView($0)) }.joined(separator: " ")
  }
}
