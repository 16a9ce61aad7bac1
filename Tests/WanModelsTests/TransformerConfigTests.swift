import Foundation
import Layers
import TensorCore
import Testing
import WanModels

@Suite struct TransformerConfigTests {
  /// What `config.json` of Wan2.1-I2V-14B-720P says.
  private static let published = """
    {"_class_name": "WanModel", "_diffusers_version": "0.30.0", "dim": 5120, "eps": 1e-06, \
    "ffn_dim": 13824, "freq_dim": 256, "in_dim": 36, "model_type": "i2v", "num_heads": 40, \
    "num_layers": 40, "out_dim": 16, "text_len": 512}
    """

  /// Shapes of the tensors that sizes are read from.
  private static func shapes(_ config: TransformerConfig) -> NamedShapes {
    NamedShapes([
      ("patch_embedding.weight", Shape([config.dim, config.inDim] + config.patchSize)),
      ("blocks.\(config.numLayers - 1).ffn.0.weight", [config.ffnDim, config.dim]),
      ("blocks.0.ffn.0.weight", [config.ffnDim, config.dim]),
      ("time_embedding.0.weight", [config.dim, config.freqDim]),
      ("text_embedding.0.weight", [config.dim, config.textDim]),
      ("img_emb.proj.1.weight", [config.imageDim, config.imageDim]),
      ("blocks.0.cross_attn.emo_k_proj.weight", [config.dim, config.portraitDim]),
      ("head.head.weight", [config.outDim * config.patchPositions, config.dim]),
    ])
  }

  @Test func publishedFileAndTensorsGiveTheModel() throws {
    let config = try TransformerConfig(
      shapes: Self.shapes(.wan14B), file: Data(Self.published.utf8))
    #expect(config == .wan14B)
  }

  @Test func tensorsAloneGiveTheModel() throws {
    #expect(try TransformerConfig(shapes: Self.shapes(.wan14B)) == .wan14B)
    #expect(try TransformerConfig(shapes: Self.shapes(.wan1Point3B)) == .wan1Point3B)
  }

  @Test func encodedConfigurationComesBack() throws {
    let data = try JSONEncoder().encode(TransformerConfig.wan1Point3B)
    #expect(try JSONDecoder().decode(TransformerConfig.self, from: data) == .wan1Point3B)
  }

  @Test func whatIsWrongIsNamed() throws {
    func message(_ json: String) -> String {
      do {
        _ = try TransformerConfig(shapes: Self.shapes(.wan14B), file: Data(json.utf8))
        return "no error"
      } catch {
        return "\(error)"
      }
    }
    #expect(message("{\"num_heads\": 7}").contains("'num_heads'"))
    #expect(message("{\"num_heads\": \"40\"}").contains("'num_heads'"))
    #expect(message("{\"num_layers\": 0}").contains("'num_layers'"))
    #expect(message("{\"patch_size\": [2, 2, 2]}").contains("'patch_size'"))
    #expect(message("{\"qk_norm\": false}").contains("'qk_norm'"))
    #expect(message("[1, 2").contains("config.json"))
    #expect(throws: NetworkError.self) { try TransformerConfig(shapes: NamedShapes([])) }
  }
}
