// SPDX-License-Identifier: Apache-2.0
// The matrices of weights that a plan's fully connected layers read.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/dense.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// A layer's matrix, or that of one of its groups: rows × columns, row after row, among the dense
/// parameters. Layers may share one, or parts of one.
struct DenseMatrix {
  const Node* node = nullptr;
  Index offset = 0, rows = 0, columns = 0;

  [[nodiscard]] Index end() const { return offset + rows * columns; }
  [[nodiscard]] bool overlaps(const DenseMatrix& other) const {
    return offset < other.end() && other.offset < end();
  }
  /// Whether both are the same values in the same shape.
  [[nodiscard]] bool same(const DenseMatrix& other) const {
    return offset == other.offset && rows == other.rows && columns == other.columns;
  }
};

/// Whether the node's parameters of that number are a matrix that products alone read.
[[nodiscard]] constexpr bool is_matrix(const Node& node, std::size_t parameter) {
  return node.op == op_id<ops::Dense> && parameter == 0;
}

/// All of them, node after node, group after group.
[[nodiscard]] ESPALIER_COLD inline std::vector<DenseMatrix> dense_matrices(
    std::span<const Node> nodes) {
  std::vector<DenseMatrix> matrices;
  for (const Node& n : nodes) {
    for (int g = 0; n.op == op_id<ops::Dense> && g < n.groups; ++g)
      matrices.push_back(
          {&n, ops::Dense::weight(n, g), n.out.rows / n.groups, n.in.rows / n.groups});
  }
  return matrices;
}

}  // namespace espalier
