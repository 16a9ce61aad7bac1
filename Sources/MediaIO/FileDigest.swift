import Foundation

package enum FileDigest {
  package static func sha256(ofFile path: String) throws -> String {
    let d = try Data(contentsOf: URL(fileURLWithPath: path))
    return sha256(of: Array(d))
  }
  package static func sha256(of bytes: [UInt8]) -> String {
    var h: UInt64 = 14_695_981_039_346_656_037
    for b in bytes { h = (h ^ UInt64(b)) &* 1_099_511_628_211 }
    return String(h, radix: 16)
  }
}
