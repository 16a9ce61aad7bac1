/// What cannot be sampled as asked for.
package enum DiffusionError: Error, Equatable, CustomStringConvertible {
  /// A number of steps that no schedule has.
  case steps(Int, limit: Int)
  /// A shift that makes no schedule of that many steps.
  case shift(Double, steps: Int)
  /// Distilled steps that do not go down from 1000 towards 0.
  case distilledSteps([Int])
  /// A window of so many latent frames, or an overlap that does not fit into it.
  case window(size: Int, overlap: Int)
  /// A share of the steps without guidance that is no share.
  case guidanceSkip(Double)
  /// An option of what saves passes that is out of its range.
  case acceleration(option: String, expected: String, found: String)
  /// A run that was kept without what its next step needs.
  case incompleteState(missing: String, step: Int)
  /// A pass that predictions are made from and that nobody has kept.
  case passNotKept(KeptPass)

  /// What is wrong, what was expected, what to do.
  package var description: String {
    switch self {
    case .steps(let steps, let limit):
      "number of inference steps: expected 1 to \(limit), found \(steps)"
    case .shift(let shift, let steps):
      "shift of the noise schedule: expected a number above 0 that keeps the noise levels of "
        + "\(steps) steps apart (published: 3 to 5), found \(shift)"
    case .distilledSteps(let steps):
      "distilled steps: expected whole numbers from 1000 downwards, each below the one before and "
        + "above 0 (published: 1000, 750, 500, 250), found "
        + (steps.isEmpty ? "none" : steps.map(String.init).joined(separator: ", "))
    case .window(let size, let overlap):
      "context windows: expected 1 or more latent frames in a window and an overlap of 0 or more "
        + "that is shorter than it (published: 51 and 30), found \(size) and \(overlap)"
    case .guidanceSkip(let share):
      "share of the steps without guidance (cfg_skip_ratio): expected 0 to 1, found \(share)"
    case .passNotKept(let pass):
      "the saved denoising state lacks step \(pass.step + 1) of window \(pass.window + 1), which the "
        + "steps after it are predicted from: start over with --no-resume"
    case .acceleration(let option, let expected, let found):
      "\(option): expected \(expected), found \(found)"
    case .incompleteState(let missing, let step):
      "the saved denoising state lacks '\(missing)', which step \(step + 1) needs: start over with "
        + "--no-resume"
    }
  }
}
