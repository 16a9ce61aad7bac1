/// All operators that are built.
package enum OperatorRegistry {
  /// One table for each family; a table is named after its file.
  private static let families: [[String: OperatorDefinition]] = [
    convolutionOperators, poolingOperators, normalizationOperators, matrixOperators,
    spaceOperators, resizeOperators,
    elementwiseOperators, activationOperators, reductionOperators, selectionOperators,
    shapeOperators, movementOperators, gatherOperators, constantOperators, conversionOperators,
  ]

  /// Operators of the standard's own domain, by name.
  package static let standard: [String: OperatorDefinition] = families.reduce(into: [:]) {
    $0.merge($1) { _, _ in preconditionFailure("an operator stands in two tables") }
  }

  /// The operator of a node, nil where there is none.
  package static func definition(of node: Node) -> OperatorDefinition? {
    if node.domain == GraphFusion.domain { return fusedConvolution }
    guard node.domain.isEmpty, let definition = standard[node.operatorName],
      node.opset >= definition.since
    else { return nil }
    return definition
  }
}
