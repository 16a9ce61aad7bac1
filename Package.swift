// swift-tools-version: 6.2
import PackageDescription

let strictSwift: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]
let strictCXX: [CXXSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
  name: "flashportrait",
  products: [.executable(name: "flashportrait", targets: ["flashportrait"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
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
    .target(name: "OutputFiles", swiftSettings: strictSwift),
    .target(
      name: "Checkpoints", dependencies: ["OutputFiles", "TensorCore"], swiftSettings: strictSwift),
    .target(name: "Layers", dependencies: ["TensorCore"], swiftSettings: strictSwift),
    .target(
      name: "CFFmpeg", cSettings: strictC,
      linkerSettings: ["avfilter", "avformat", "avcodec", "swscale", "avutil"].map {
        .linkedLibrary($0)
      }),
    .target(name: "CPNG", cSettings: strictC, linkerSettings: [.linkedLibrary("png")]),
    .target(name: "Diffusion", dependencies: ["TensorCore"], swiftSettings: strictSwift),
    .target(name: "Imaging", dependencies: ["TensorCore"], swiftSettings: strictSwift),
    .target(
      name: "MediaIO", dependencies: ["CFFmpeg", "CPNG", "Imaging", "OutputFiles", "TensorCore"],
      swiftSettings: strictSwift),
    .target(
      name: "ONNX",
      dependencies: ["TensorCore", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["Format/onnx.proto"],
      swiftSettings: strictSwift),
    .target(
      name: "WanModels",
      dependencies: ["CSentencePiece", "TensorCore", "Checkpoints", "Layers"],
      swiftSettings: strictSwift),
    .target(
      name: "PortraitModels",
      dependencies: ["TensorCore", "Checkpoints", "Layers", "Imaging", "ONNX"],
      swiftSettings: strictSwift),
    .target(
      name: "PortraitPipeline",
      dependencies: [
        "TensorCore", "OutputFiles", "Checkpoints", "Layers", "Diffusion", "Imaging", "MediaIO",
        "ONNX", "WanModels", "PortraitModels", .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strictSwift),
    .target(
      name: "FlashPortraitCLI",
      dependencies: [
        "TensorCore", "OutputFiles", "Checkpoints", "Layers", "Diffusion", "Imaging", "MediaIO",
        "ONNX", "WanModels", "PortraitModels", "PortraitPipeline",
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
      name: "OutputFilesTests",
      dependencies: ["OutputFiles", "Checkpoints", "TensorCore", "TestSupport"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "CheckpointsTests",
      dependencies: ["OutputFiles", "Checkpoints", "TensorCore", "TestSupport"],
      exclude: ["Fixtures"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "GoldenTests",
      dependencies: [
        "TensorCore", "Checkpoints", "Layers", "Diffusion", "Imaging", "MediaIO", "WanModels",
        "PortraitModels", "PortraitPipeline", "TestSupport",
      ],
      swiftSettings: strictSwift),
    .testTarget(
      name: "DiffusionTests", dependencies: ["Diffusion", "TensorCore", "TestSupport"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "ImagingTests", dependencies: ["Imaging", "TensorCore", "Checkpoints", "TestSupport"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "MediaIOTests",
      dependencies: ["Imaging", "MediaIO", "OutputFiles", "TensorCore", "TestSupport"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "ONNXTests",
      dependencies: [
        "ONNX", "TensorCore", "Checkpoints", "TestSupport",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Fixtures"], swiftSettings: strictSwift),
    .testTarget(
      name: "WanModelsTests",
      dependencies: ["TensorCore", "Checkpoints", "Layers", "WanModels", "TestSupport"],
      exclude: ["Fixtures"],
      swiftSettings: strictSwift),
    .testTarget(
      name: "PortraitModelsTests",
      dependencies: [
        "TensorCore", "Checkpoints", "Layers", "Imaging", "ONNX", "PortraitModels", "TestSupport",
      ],
      exclude: ["Fixtures"], swiftSettings: strictSwift),
    .testTarget(
      name: "PortraitPipelineTests",
      dependencies: [
        "TensorCore", "OutputFiles", "Checkpoints", "Layers", "Diffusion", "Imaging", "MediaIO",
        "WanModels", "PortraitModels", "PortraitPipeline", "TestSupport",
      ],
      exclude: ["Fixtures"], swiftSettings: strictSwift),
    .testTarget(
      name: "FlashPortraitCLITests",
      dependencies: [
        "FlashPortraitCLI", "Diffusion", "OutputFiles", "Checkpoints", "MediaIO",
        "PortraitPipeline",
        "TensorCore", "TestSupport",
      ],
      swiftSettings: strictSwift),
  ],
  cLanguageStandard: .c11,
  cxxLanguageStandard: .cxx17
)
