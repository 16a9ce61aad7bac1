import Layers
import TensorCore

/// A batch norm with the statistics of its training: a factor and a term for each channel, which the
/// operation that follows or comes before takes in.
struct BatchNorm: Sendable {
  /// `[channels]` float32.
  let multiply: Tensor
  /// `[channels]` float32.
  let add: Tensor

  private static let epsilon = 1e-5

  /// Claims "weight", "bias", "running_mean" and "running_var"; "num_batches_tracked" says nothing.
  init(_ channels: Int, weights: any TensorSource) throws {
    func claim(_ name: String) throws -> [Double] {
      try weights.claim(name, shape: [channels], as: .f32).floats().map(Double.init)
    }
    let (weight, bias) = (try claim("weight"), try claim("bias"))
    let (mean, variance) = (try claim("running_mean"), try claim("running_var"))
    let factors = zip(weight, variance).map { $0 / ($1 + Self.epsilon).squareRoot() }
    let terms = zip(bias, zip(mean, factors)).map { $0 - $1.0 * $1.1 }
    multiply = try Tensor(factors.map { Float($0) }, shape: [channels])
    add = try Tensor(terms.map { Float($0) }, shape: [channels])
  }

  /// The norm and ReLU on the way into a convolution.
  var rectified: PixelPrologue {
    PixelPrologue(multiply: multiply, add: add, activation: .relu)
  }

  /// The norm on the way into a product.
  var prologue: MatrixProduct.Prologue { .init(multiply: multiply, add: add) }

  /// A convolution's weights with the norm that follows it taken in.
  ///
  /// - Parameters:
  ///   - weight: `[channels, ...]` float32.
  ///   - bias: `[channels]` float32.
  func folded(weight: Tensor, bias: Tensor) throws -> (weight: Tensor, bias: Tensor) {
    let (factors, terms) = (try multiply.floats(), try add.floats())
    let inner = weight.count / max(factors.count, 1)
    let values = try weight.floats().enumerated().map { $1 * factors[$0 / inner] }
    let biases = try bias.floats().enumerated().map { $1 * factors[$0] + terms[$0] }
    return (try Tensor(values, shape: weight.shape), try Tensor(biases, shape: bias.shape))
  }
}
