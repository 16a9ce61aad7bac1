import TensorCore

/// BatchNormalization and its relatives.
let normalizationOperators: [String: OperatorDefinition] = [:]
