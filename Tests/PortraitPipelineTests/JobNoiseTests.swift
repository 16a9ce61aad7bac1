import PortraitPipeline
import TensorCore
import TestSupport
import Testing

/// What the denoising begins with; the numbers themselves are those of golden `random_normal`.
@Suite struct JobNoiseTests {
  private func noise(
    _ generator: JobParameters.NoiseGenerator, seed: UInt64
  ) throws -> Tensor {
    var parameters = JobParameters()
    (parameters.noise, parameters.seed) = (generator, seed)
    return try parameters.noise(frames: 3, size: PictureSize(width: 48, height: 32))
  }

  @Test(arguments: JobParameters.NoiseGenerator.allCases)
  func shapeAndSeed(generator: JobParameters.NoiseGenerator) throws {
    let first = try noise(generator, seed: 1)
    #expect(first.shape == [16, 3, 4, 6] && first.dtype == .f32)
    let bytes = try first.bytes()
    #expect(try noise(generator, seed: 1).bytes().elementsEqual(bytes))
    #expect(try !noise(generator, seed: 2).bytes().elementsEqual(bytes))
  }

  @Test func generators() throws {
    var (cpu, cuda) = (MersenneGenerator(seed: 5), PhiloxGenerator(seed: 5))
    #expect(
      try noise(.cpu, seed: 5).bytes().elementsEqual(cpu.normal([1, 16, 3, 4, 6]).bytes()))
    #expect(
      try noise(.cuda, seed: 5).bytes().elementsEqual(cuda.normal([1, 16, 3, 4, 6]).bytes()))
  }
}
