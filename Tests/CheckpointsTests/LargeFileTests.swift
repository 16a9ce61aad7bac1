import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// A file as large as the published transformer, without data: only its header takes room on disk.
@Suite struct LargeFileTests {
  /// Names and shapes of a 14B transformer in bfloat16.
  private static func tensors() -> [(String, [Int])] {
    let (width, feedForward) = (5120, 13824)
    var tensors: [(String, [Int])] = []
    for block in 0..<40 {
      for part in ["self_attn", "cross_attn"] {
        for name in ["q", "k", "v", "o"] + (part == "cross_attn" ? ["k_img", "v_img"] : []) {
          tensors.append(("blocks.\(block).\(part).\(name).weight", [width, width]))
          tensors.append(("blocks.\(block).\(part).\(name).bias", [width]))
        }
        tensors.append(("blocks.\(block).\(part).norm_q.weight", [width]))
        tensors.append(("blocks.\(block).\(part).norm_k.weight", [width]))
      }
      tensors.append(("blocks.\(block).cross_attn.emo_k_proj.weight", [width, 2048]))
      tensors.append(("blocks.\(block).cross_attn.emo_v_proj.weight", [width, 2048]))
      tensors.append(("blocks.\(block).ffn.0.weight", [feedForward, width]))
      tensors.append(("blocks.\(block).ffn.0.bias", [feedForward]))
      tensors.append(("blocks.\(block).ffn.2.weight", [width, feedForward]))
      tensors.append(("blocks.\(block).ffn.2.bias", [width]))
      tensors.append(("blocks.\(block).modulation", [1, 6, width]))
    }
    return tensors
  }

  /// Writes the header and makes the file as long as its data would be; nil where the file system
  /// has no sparse files of that size.
  private static func makeSparse(_ path: String) throws -> Int? {
    var end = 0
    let members = tensors().map { name, shape in
      let start = end
      end += shape.reduce(2, *)
      return
        "\"\(name)\":{\"dtype\":\"BF16\",\"shape\":\(shape),\"data_offsets\":[\(start),\(end)]}"
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    // As the safetensors package does; data at odd addresses would have to be copied.
    header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    let start = withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header
    try Data(start).write(to: URL(fileURLWithPath: path))
    guard truncate(path, off_t(start.count + end)) == 0 else { return nil }
    var status = stat()
    guard stat(path, &status) == 0, status.st_blocks * 512 < 1 << 30 else { return nil }
    return start.count + end
  }

  @Test func openingTouchesTheHeaderAlone() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      let folder = try TemporaryFolder()
      let path = folder.file("transformer.safetensors")
      guard let size = try Self.makeSparse(path) else {
        print("skipped: no sparse files here")
        return
      }
      #expect(size > 33_000_000_000)
      let clock = ContinuousClock()
      let start = clock.now
      let file = try Checkpoint.open(path)
      let loader = try WeightLoader(network: "transformer", origins: [WeightOrigin(file)])
      var last: Tensor?
      for (name, shape) in Self.tensors() {
        last = try loader.claim(name, shape: Shape(shape))
      }
      try loader.finish()
      let elapsed = clock.now - start
      #expect(elapsed < .seconds(1))
      let resident = try ProcessUsage.peakResidentBytes()
      #expect(resident < 200 << 20)
      #expect(try last?.sliced(5..<6, axis: 1).floats().last == 0)
      print("opened \(size) bytes in \(elapsed), \(resident >> 20) MiB resident")
    }
    print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
  }
}
