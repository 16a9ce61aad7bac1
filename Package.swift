// swift-tools-version: 6.2
import PackageDescription

let strictSwift: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]
let strictCXX: [CXXSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
  name: "flashportrait",
  products: [.executable(name: "flashportrait", targets: ["flashportrait"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    // Its pkg-config file also names the trainer's library, which nothing here uses.
    .target(
      name: "CSentencePiece", cxxSettings: strictCXX,
      linkerSettings: [.linkedLibrary("sentencepiece")]),
    .target(name: "CKernels", cSettings: strictC, linkerSettings: [.linkedLibrary("m")]),
    .target(
      name: "TensorCore", dependencies: ["CKernels", "COpenBLAS"], swiftSettings: strictSwift),
    .target(name: "Checkpoints", dependencies: ["TensorCore"], swiftSettings: strictSwift),
    .target(name: "Layers", dependencies: ["TensorCore"], swiftSettings: strictSwift),
    .target(
      name: "WanModels",
      dependencies: ["CSentencePiece", "TensorCore", "Checkpoints", "Layers"],
      swiftSettings: strictSwift),
    .target(
      name: "PortraitModels", dependencies: ["TensorCore", "Checkpoints", "Layers"],
      swiftSettings: strictSwift),
    .target(
      name: "PortraitPipeline",
      dependencies: ["TensorCore", "Checkpoints", "Layers", "WanModels", "PortraitModels"],
      swiftSettings: strictSwift),
    .target(
      name: "FlashPortraitCLI",
      dependencies: [
        "TensorCore", "Checkpoints", "Layers", "WanModels", "PortraitModels", "PortraitPipeline",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strictSwift),
    .executableTarget(
      name: "flashportrait", dependencies: ["FlashPortraitCLI"], swiftSettings: strictSwift),

    .target(
      name: "CKernelChecks", dependencies: ["CKernels"], path: "Tests/CKernelChecks",
      exclude: ["main.c"], cSettings: strictC),
    .target(
      name: "TestSupport", dependencies: ["CKernelChecks", "Checkpoints", "TensorCore"],
      path: "Tests/TestSupport", swiftSettings: strictSwift),
    .testTarget(
      name: "CKernelsTests", dependencies: ["CKernelChecks"], swiftSettings: strictSwift),
    .testTarget(
      name: "TensorCoreTests",
      dependencies: ["TensorCore", "CKernels", "Checkpoints", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: strictSwift),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "TensorCore", "TestSupport"],
      exclude: ["Fixtures"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "GoldenTests",
      dependencies: [
        "TensorCore", "Checkpoints", "Layers", "WanModels", "PortraitModels", "TestSupport",
      ],
      swiftSettings: strictSwift),
    .testTarget(
      name: "WanModelsTests",
      dependencies: ["TensorCore", "Checkpoints", "Layers", "WanModels", "TestSupport"],
      exclude: ["Fixtures"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "PortraitModelsTests",
      dependencies: ["TensorCore", "Checkpoints", "Layers", "PortraitModels", "TestSupport"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "PortraitPipelineTests",
      dependencies: [
        "TensorCore", "Checkpoints", "Layers", "WanModels", "PortraitModels", "PortraitPipeline",
        "TestSupport",
      ],
      swiftSettings: strictSwift),
    .testTarget(
      name: "FlashPortraitCLITests",
      dependencies: ["FlashPortraitCLI", "Checkpoints", "TensorCore", "TestSupport"],
      swiftSettings: strictSwift),
  ],
  cLanguageStandard: .c11,
  cxxLanguageStandard: .cxx17
)
