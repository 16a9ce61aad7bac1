/// Which of several faces drives the portrait: `--face`.
package enum FaceChoice: Sendable, Equatable, CustomStringConvertible {
  /// The largest when the choice is made.
  case largest
  /// The one that appears first; of several the leftmost.
  case first
  case left
  case right
  /// By the number that the overlay shows: faces are numbered from 0 as they appear, those of one
  /// frame from left to right, and afresh after a scene cut.
  case number(Int)
  /// At or beside a place, in pixels of the frame.
  case point(x: Double, y: Double)

  /// - Parameter text: `largest`, `first`, `left`, `right`, a number from 0, or `x,y`.
  /// - Throws: `FaceError.choice`.
  package init(_ text: String) throws {
    switch text.lowercased() {
    case "largest": self = .largest
    case "first": self = .first
    case "left": self = .left
    case "right": self = .right
    default:
      if let number = Int(text), (0..<1 << 20).contains(number) {
        self = .number(number)
        return
      }
      let parts = text.split(separator: ",", omittingEmptySubsequences: false).map {
        Double($0.drop { $0 == " " })
      }
      guard parts.count == 2, let x = parts[0], let y = parts[1],
        [x, y].allSatisfy({ $0.isFinite && $0 >= 0 })
      else { throw FaceError.choice(text) }
      self = .point(x: x, y: y)
    }
  }

  /// As `init` reads it.
  package var description: String {
    switch self {
    case .largest: "largest"
    case .first: "first"
    case .left: "left"
    case .right: "right"
    case .number(let number): "\(number)"
    case .point(let x, let y): "\(x.shortest),\(y.shortest)"
    }
  }

  /// The record that it means, nil where the frame does not show it.
  ///
  /// - Parameter records: a false alarm, much less probable than the best, is not chosen.
  func record(of records: [FaceRecord]) -> FaceRecord? {
    let best = records.map(\.probability).max() ?? 0
    let faces = records.filter { $0.probability >= best / 2 }
    switch self {
    case .largest: return faces.largest
    case .first: return faces.min { $0.number < $1.number }
    case .number(let number): return records.first { $0.number == number }
    case .left: return faces.min { $0.box.centre.x < $1.box.centre.x }
    case .right: return faces.max { $0.box.centre.x < $1.box.centre.x }
    case .point(let x, let y):
      let point = SIMD2(x, y)
      func distance(_ record: FaceRecord) -> Double {
        let offset = record.box.centre - point
        return (offset * offset).sum().squareRoot()
      }
      // Landmarks end at the brows; hair and neck belong to the face as well.
      return faces.filter { distance($0) <= $0.box.longerSide }
        .min { distance($0) < distance($1) }
    }
  }
}

extension [FaceRecord] {
  /// Of the largest area; of equal ones the first.
  package var largest: FaceRecord? {
    dropFirst().reduce(first) { best, record in
      best.map { record.box.area > $0.box.area ? record : $0 }
    }
  }
}
