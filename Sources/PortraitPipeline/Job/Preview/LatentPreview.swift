import Diffusion
import Imaging
import Layers
import MediaIO
import TensorCore
import WanModels

/// A sheet of pictures that shows how far a job's latents have come.
package struct LatentPreview: Sendable {
  /// How latents become pictures.
  package enum Colors: Sendable {
    /// By the fast decoder.
    case tiny(TinyVAEDecoder)
    /// By a linear map.
    case linear(LatentColors)
  }

  private let colors: Colors
  private let context: ComputeContext

  /// Pictures of a sheet at most.
  private static let pictureLimit = 16
  /// Pixels of a picture's longer side.
  private static let longestSide = 320
  /// Latent frames before the one that is shown, which the fast decoder remembers best.
  private static let lead = 2

  package init(_ colors: Colors, on context: ComputeContext = .shared) {
    self.colors = colors
    self.context = context
  }

  /// Writes the sheet as PNG.
  ///
  /// - Parameters:
  ///   - latents: an estimate of the clean ones, `[channels, frames, h, w]` float32, none empty.
  ///   - step: steps that are done.
  /// - Throws: `NetworkError`, `OutputError`, `MediaError`, `ImagingError`, `TensorError`.
  package func write(latents: Tensor, step: Int, to path: String) throws {
    try StillImage.writePNG(sheet(of: latents, step: step), path)
  }

  /// The pictures in rows, each with the number of its frame (0 is the picture that the job began
  /// with), under a line with the step.
  ///
  /// - Returns: U8 `[rows, columns, 3]`.
  package func sheet(of latents: Tensor, step: Int) throws -> Tensor {
    precondition(latents.shape.rank == 4 && latents.count > 0, "latents \(latents.shape)")
    let shown = Self.shownFrames(of: latents.shape[1])
    let size = Self.size(rows: latents.shape[2], columns: latents.shape[3])
    let pictures = try pictures(of: latents, shown).map {
      try $0.resized(
        rows: size.rows, columns: size.columns, filter: .bilinear, on: context)
    }
    let grid = SheetGrid(count: shown.count, rows: size.rows, columns: size.columns)
    let sheet = try Tensor(zeros: [grid.height, grid.width, 3], dtype: .u8)
    for (index, picture) in pictures.enumerated() {
      picture.copyPixels(into: sheet, at: grid.place(of: index))
    }
    let canvas = try Canvas(copying: sheet, order: .rgb)
    func write(_ text: String, at place: (row: Int, column: Int)) {
      canvas.write(
        text, at: SIMD2(Double(place.column), Double(place.row)), point: SheetGrid.point,
        color: .white, ground: .black)
    }
    write("step \(step)", at: (0, 0))
    for (index, frame) in shown.enumerated() {
      let number = "\(LatentScale.frames * frame)"
      write(grid.label("frame \(number)", orShort: number), at: grid.place(of: index))
    }
    return canvas.pixels
  }

  /// Some latent frames, evenly spread, the first and the last among them.
  static func shownFrames(of count: Int) -> [Int] {
    guard count > pictureLimit else { return Array(0..<count) }
    return (0..<pictureLimit).map {
      ($0 * (count - 1) + (pictureLimit - 1) / 2) / (pictureLimit - 1)
    }
  }

  /// A picture's size on the sheet.
  private static func size(rows: Int, columns: Int) -> (rows: Int, columns: Int) {
    let scale = min(
      Double(LatentScale.pixels), Double(longestSide) / Double(max(rows, columns)))
    func scaled(_ side: Int) -> Int { max(1, Int((Double(side) * scale).rounded())) }
    return (scaled(rows), scaled(columns))
  }

  // MARK: Pictures

  private func pictures(of latents: Tensor, _ shown: [Int]) throws -> [Tensor] {
    switch colors {
    case .linear(let map):
      try shown.map { frame in
        let latent = try latents.sliced(frame..<frame + 1, axis: 1).contiguous()
        let shape = latent.shape
        return try map(latent.reshaped([shape[0], shape[2], shape[3]]), on: context)
      }
    case .tiny(let decoder): try decoded(latents, shown, decoder)
    }
  }

  /// The last frame of pixels of each latent frame, decoded after a few before it: all of the clip
  /// would take minutes.
  private func decoded(
    _ latents: Tensor, _ shown: [Int], _ decoder: TinyVAEDecoder
  ) throws -> [Tensor] {
    func begun() throws -> TinyVAEDecoder.Session {
      try decoder.session(rows: latents.shape[2], columns: latents.shape[3])
    }
    var session = try begun()
    var next = 0
    return try shown.map { frame in
      let start = max(0, frame - Self.lead)
      if start > next {
        session = try begun()
        next = start
      }
      let pixels = try session.decode(latents.sliced(next..<frame + 1, axis: 1).contiguous())
      next = frame + 1
      let last = pixels.shape[0] - 1
      return try pixels.sliced(last..<last + 1).displayBytes(on: context)[0]
    }
  }
}
