import Diffusion
import TensorCore
import WanModels

/// How the first window's hidden states change over a run, for a reader to judge a model by.
package struct FieldSmoothness: Sendable {
  /// Root-mean-square size of the last block's output's differences of order 1 to 4 over steps that
  /// lie an interval apart, relative to the output; means over the run.
  package let differences: [Double]
  package let stepDifferences: [Double]
  /// From the first step to the last.
  package let change: Double
  /// What each block adds to the stream, relative to it.
  package let layerShares: [Double]
  package let layerChanges: [Double]
  package let velocity: Double
  package let velocityChange: Double
  package let velocityVsEnds: Double
  package let byLatents: Double
  package let byTime: Double
  package let byExpression: Double
  package let modulationChange: Double
}

func rms(_ a: [Float]) -> Double { (a.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(a.count)).squareRoot() }
func minus(_ a: [Float], _ b: [Float]) -> [Float] { zip(a, b).map { $0 - $1 } }

extension SmoothModel {
  package func smoothness(_ run: Outcome, _ schedule: NoiseSchedule, interval: Int) throws -> FieldSmoothness {
    let c = conditions
    let frames = windows.windows[0]
    let grid = try transformer.grid(latents: run.steps[0].sliced(frames, axis: 1).shape)
    let text = try transformer.textContext(c.prompt)
    let image = try transformer.imageContext(c.image)
    let video = ContextWindows.videoFrames(of: frames)
    let portrait = try transformer.portraitContext(
      portraitEncoder.split(portraitEncoder(c.features.sliced(video).contiguous()), frames: video.count).tokens)
    let full = GuidanceBranch(text: text, image: image, portrait: portrait)
    let bare = GuidanceBranch(text: text, image: image)
    func pass(_ x: Tensor, _ t: Double, _ branches: [GuidanceBranch]) throws -> (hidden: [[Float]], velocity: [[Float]]) {
      var hidden: [[Float]] = []
      let v = try transformer(x.sliced(frames, axis: 1).contiguous(), condition: c.condition, timestep: t, grid: grid, branches: branches) { _, h in
        hidden.append(try h.branch(0).floats())
      }
      return (hidden, try v.map { try $0.floats() })
    }
    var all: [[[Float]]] = []
    var vs: [[Float]] = []
    for step in 0..<schedule.stepCount {
      let p = try pass(run.steps[step], schedule.timesteps[step], [full])
      all.append(p.hidden)
      vs.append(p.velocity[0])
    }
    func diffs(_ rows: [[Float]]) -> [Double] {
      var d = rows
      let base = rows.map(rms).reduce(0, +) / Double(rows.count)
      return (1...4).map { _ in
        d = zip(d.dropFirst(), d).map(minus)
        return d.map(rms).reduce(0, +) / Double(d.count) / base
      }
    }
    let last = all.map { $0[$0.count - 1] }
    let coarse = stride(from: 0, to: last.count, by: interval).map { last[$0] }
    let mid = run.steps[schedule.stepCount / 2], tm = schedule.timesteps[schedule.stepCount / 2]
    let p = try pass(mid, tm, [full, bare])
    let other = try pass(run.steps[0], tm, [full])
    let early = try pass(mid, schedule.timesteps[0], [full])
    let noise = try run.steps[0].sliced(frames, axis: 1).floats(), end = try run.steps[schedule.stepCount].sliced(frames, axis: 1).floats()
    let flow = minus(noise, end)
    let layers = all[0].count
    let e = try schedule.timesteps.map { try transformer.timeConditions($0).e0.floats() }
    return FieldSmoothness(
      differences: diffs(coarse), stepDifferences: diffs(last),
      change: rms(minus(last[last.count - 1], last[0])) / rms(last[0]),
      layerShares: (1..<layers).map { rms(minus(all[15][$0], all[15][$0 - 1])) / rms(all[15][$0 - 1]) },
      layerChanges: (0..<layers).map { rms(minus(all[20][$0], all[15][$0])) / rms(all[15][$0]) },
      velocity: rms(vs[0]),
      velocityChange: rms(minus(vs[vs.count - 1], vs[0])) / rms(vs[0]),
      velocityVsEnds: rms(minus(vs[vs.count / 2], flow)) / rms(flow),
      byLatents: rms(minus(other.velocity[0], p.velocity[0])) / rms(p.velocity[0]),
      byTime: rms(minus(early.velocity[0], p.velocity[0])) / rms(p.velocity[0]),
      byExpression: rms(minus(p.velocity[1], p.velocity[0])) / rms(p.velocity[0]),
      modulationChange: rms(minus(e[29], e[0])) / rms(e[0]))
  }
}
