// SPDX-License-Identifier: Apache-2.0
// The matrices of weights that the nodes of a plan read.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/traits.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// One of them: rows × columns, row after row, among the dense parameters. Nodes may share one, or parts of one.
struct WeightMatrix {
  const Node* node = nullptr;
  Index offset = 0, rows = 0, columns = 0;

  [[nodiscard]] Index end() const { return offset + rows * columns; }
  [[nodiscard]] bool overlaps(const WeightMatrix& other) const {
    return offset < other.end() && other.offset < end();
  }
  /// Whether both are the same values in the same shape.
  [[nodiscard]] bool same(const WeightMatrix& other) const {
    return offset == other.offset && rows == other.rows && columns == other.columns;
  }
};

/// Whether the node's parameters of that number are matrices.
[[nodiscard]] constexpr bool is_matrix(const OperationTraits& traits, const Node& node, std::size_t parameter) {
  return traits.matrices != nullptr && traits.matrices(node).parameter == parameter;
}

/// All of them, node after node. `traits`: one a node.
[[nodiscard]] ESPALIER_COLD inline std::vector<WeightMatrix> weight_matrices(std::span<const Node> nodes, std::span<const OperationTraits> traits) {
  std::vector<WeightMatrix> made;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (traits[i].matrices == nullptr) continue;
    const WeightMatrices m = traits[i].matrices(nodes[i]);
    for (int k = 0; k < m.count; ++k) made.push_back({&nodes[i], nodes[i].parameters[m.parameter].offset + k * m.rows * m.columns, m.rows, m.columns});
  }
  return made;
}

}  // namespace espalier
