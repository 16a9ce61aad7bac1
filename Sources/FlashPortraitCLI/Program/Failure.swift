import Checkpoints
import Diffusion
import Foundation
import Imaging
import Layers
import MediaIO
import ONNX
import OutputFiles
import PortraitModels
import PortraitPipeline
import TensorCore

/// The one place where errors of every module become an exit status and a line for the user.
package struct Failure: Equatable {
  package let status: ExitStatus

  /// The file first, then what is wrong and what to do; one line, but for lists of tensors.
  package let message: String

  /// - Returns: nil for an error that no module of ours throws.
  package init?(_ error: any Error) {
    switch error {
    case let error as CommandError: self.init(error.status, error.description)
    case let error as CheckpointError: self.init(error.status, error.description)
    case let error as DiffusionError: self.init(error.status, error.description)
    case let error as FaceError: self.init(error.status, error.description)
    case let error as NetworkError: self.init(.badData, error.description)
    case let error as ImagingError: self.init(.badData, error.description)
    case let error as MediaError: self.init(error.status, error.description)
    case let error as OutputError: self.init(error.status, error.description)
    case let error as PipelineError: self.init(error.status, error.description)
    case let error as TensorError: self.init(error.status, error.description)
    case let error as ONNXError: self.init(error.status, error.description)
    case let error as CocoaError: self.init(cocoa: error)
    case let error as POSIXError: self.init(posix: error)
    default: return nil
    }
  }

  /// Of whatever a job throws; an error that no module of ours throws is our own mistake.
  package init(any error: any Error) {
    self =
      Failure(error)
      ?? Failure(.internalError, "unexpected: \(error) (a bug of flashportrait)")
  }

  private init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// What Foundation reports about files.
  private init(cocoa error: CocoaError) {
    let path = error.filePath ?? error.url?.path ?? "a file"
    let reason = (error.underlying as? POSIXError).map(Self.reason) ?? error.localizedDescription
    self.init(Self.status(of: error.code), "\(path): \(reason)")
  }

  private static func status(of code: CocoaError.Code) -> ExitStatus {
    switch code {
    case .fileNoSuchFile, .fileReadNoSuchFile, .fileReadNoPermission, .fileReadInvalidFileName:
      .inputMissing
    case .fileReadCorruptFile, .fileReadInapplicableStringEncoding, .propertyListReadCorrupt:
      .badData
    case .fileWriteNoPermission, .fileWriteFileExists, .fileWriteInvalidFileName,
      .fileWriteVolumeReadOnly:
      .cannotCreate
    default: .inputOutput
    }
  }

  private init(posix error: POSIXError) {
    let status: ExitStatus =
      switch error.code {
      case .ENOENT, .EACCES, .EISDIR, .ENOTDIR: .inputMissing
      case .EEXIST, .EROFS: .cannotCreate
      default: .inputOutput
      }
    self.init(status, Self.reason(error))
  }

  private static func reason(_ error: POSIXError) -> String {
    String(cString: strerror(error.code.rawValue))
  }
}

extension CheckpointError {
  var status: ExitStatus {
    switch self {
    case .unreadable, .missingShard: .inputMissing
    case .malformed, .unsupported, .forbiddenGlobal, .noSuchTensor, .duplicateTensor,
      .noCheckpoint, .mismatch, .adapterMismatch:
      .badData
    }
  }
}

extension OutputError {
  var status: ExitStatus {
    switch self {
    case .unwritable: .cannotCreate
    case .diskFull: .inputOutput
    }
  }
}

extension DiffusionError {
  var status: ExitStatus {
    switch self {
    case .steps, .shift, .distilledSteps, .window, .guidanceSkip, .acceleration: .usage
    case .incompleteState, .passNotKept: .badData
    }
  }
}

extension FaceError {
  var status: ExitStatus {
    switch self {
    case .choice, .pointOutside: .usage
    case .noFrames, .noFace, .choiceUnmet, .tooFewFaces, .framesChanged, .frame, .network: .badData
    }
  }
}

extension MediaError {
  var status: ExitStatus {
    switch self {
    case .missing, .unreadable: .inputMissing
    case .malformed, .nothingToRead, .unsupported, .tooLarge, .notEncodable,
      .pieceDiffers:
      .badData
    case .frameRate: .usage
    case .cancelled: .interrupted
    case .componentMissing: .unavailable
    case .readFailed: .inputOutput
    }
  }
}

extension PipelineError {
  var status: ExitStatus {
    switch self {
    case .geometryUnreadable, .configurationUnreadable, .configurationFileMissing, .nothingKept:
      .inputMissing
    case .unknownGeometryKey, .geometryValue, .inconsistentGeometry, .unusableSizes,
      .otherNetwork, .features, .notYAML, .unknownConfigurationKey, .repeatedConfigurationKey,
      .configurationValue:
      .badData
    case .fileInTheWay, .workFolderBusy, .noWorkFolder: .cannotCreate
    case .parameter: .usage
    case .memory: .unavailable
    }
  }
}

extension ONNXError {
  var status: ExitStatus {
    switch self {
    case .unreadable: .inputMissing
    case .malformed, .unknownOperators, .input, .node: .badData
    case .invalid: .internalError
    }
  }
}

extension TensorError {
  var status: ExitStatus {
    switch self {
    case .unknownInstructionSet: .usage
    case .unavailableInstructionSet: .unavailable
    case .mapFailed: .inputMissing
    case .outOfMemory: .unavailable
    case .invalidShape, .shapeMismatch, .unsupportedType: .badData
    case .readOnlyResult: .internalError
    }
  }
}
