/// Cleaning of prompts as Wan2.1's own pipelines do it before they tokenise (`basic_clean`,
/// `whitespace_clean`).
///
/// They also let ftfy repair text that went through a wrong encoding ("schÃ¶n"); that is left out.
package enum PromptText {
  /// Character references resolved, twice, since some text was escaped twice; then every stretch of
  /// white space a single space, none at the ends.
  package static func cleaned(_ text: String) -> String {
    collapsingSpaces(HTMLText.unescaped(HTMLText.unescaped(text)))
  }

  /// Every stretch of white space as one space, none at the ends (Python's `\s` and `strip`).
  package static func collapsingSpaces(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    var isBetween = false
    for scalar in text.unicodeScalars {
      if isSpace(scalar) {
        isBetween = true
      } else {
        if isBetween, !result.isEmpty { result.append(" ") }
        isBetween = false
        result.append(scalar)
      }
    }
    return String(result)
  }

  /// Python counts the four separators of ASCII as white space too.
  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }
}
