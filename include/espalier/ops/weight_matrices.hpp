// SPDX-License-Identifier: Apache-2.0
// The weight matrices that the nodes of a plan read.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/traits.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// A weight matrix: rows × columns, row-major, within the dense parameters. Nodes may share a
/// matrix or parts of it.
struct WeightMatrix {
  const Node* node = nullptr;
  Index offset = 0, rows = 0, columns = 0;

  [[nodiscard]] Index end() const { return offset + rows * columns; }
  [[nodiscard]] bool overlaps(const WeightMatrix& other) const {
    return offset < other.end() && other.offset < end();
  }
  /// Whether both have the same values and the same shape.
  [[nodiscard]] bool same(const WeightMatrix& other) const {
    return offset == other.offset && rows == other.rows && columns == other.columns;
  }
};

/// Whether `node.parameters[parameter]` holds weight matrices.
[[nodiscard]] constexpr bool is_matrix(const OperationTraits& traits, const Node& node,
                                       std::size_t parameter) {
  return traits.matrices != nullptr && traits.matrices(node).parameter == parameter;
}

/// All weight matrices, in the order of the nodes. `traits`: one per node.
[[nodiscard]] ESPALIER_COLD inline std::vector<WeightMatrix> weight_matrices(
    std::span<const Node> nodes, std::span<const OperationTraits> traits) {
  std::vector<WeightMatrix> made;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (traits[i].matrices == nullptr) continue;
    const WeightMatrices m = traits[i].matrices(nodes[i]);
    for (int k = 0; k < m.count; ++k)
      made.push_back({&nodes[i], nodes[i].parameters[m.parameter].offset + k * m.rows * m.columns,
                      m.rows, m.columns});
  }
  return made;
}

}  // namespace espalier
