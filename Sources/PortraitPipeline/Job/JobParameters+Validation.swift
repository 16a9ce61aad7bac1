extension JobParameters {
  /// - Throws: `PipelineError.parameter`, naming the flag.
  package func validate() throws {
    func require(
      _ holds: Bool, _ flag: String, _ expected: String, _ found: some CustomStringConvertible
    ) throws {
      guard !holds else { return }
      throw PipelineError.parameter(flag: flag, expected: expected, found: found.description)
    }
    let sides = 16...16384
    try require(sides.contains(maxSize), "--max-size", "16 to 16384 pixels", maxSize)
    if let size {
      for (flag, side) in [("--width", size.width), ("--height", size.height)] {
        try require(
          sides.contains(side) && side % 16 == 0, flag, "a multiple of 16 from 16 to 16384", side)
      }
    }
    try require((1...4096).contains(contextSize), "--context-size", "1 to 4096", contextSize)
    try require(
      (0..<contextSize).contains(contextOverlap), "--context-overlap",
      "0 to \(contextSize - 1), below --context-size", contextOverlap)
    try require((1...1000).contains(steps), "--num-inference-steps", "1 to 1000", steps)
    for (flag, scale) in [
      ("--text-cfg-scale", textScale), ("--emo-cfg-scale", expressionScale),
      ("--ip-scale", expressionStrength),
    ] {
      try require((0...100).contains(scale), flag, "0 to 100", scale)
    }
    try require((0.01...100).contains(shift), "--shift", "0.01 to 100", shift)
    try require((0...1).contains(guidanceSkip), "--cfg-skip-ratio", "0 to 1", guidanceSkip)
    if let riflexIndex {
      try require((1...16).contains(riflexIndex), "--riflex-k", "1 to 16", riflexIndex)
    }
    if let frameLimit { try require(frameLimit > 0, "--max-frames", "1 or more", frameLimit) }
    if let frameRate {
      try require(
        (0.1...1000).contains(frameRate.value), "--fps", "0.1 to 1000", frameRate.value)
    }
    try require(arithmetic != .int8, "--dtype", "bf16 or f32", arithmetic.rawValue)
    try require((0...51).contains(quality), "--crf", "0 to 51", quality)
  }
}
