// SPDX-License-Identifier: Apache-2.0
// Data that is already in memory: a matrix whose rows are samples, features first, labels last.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "espalier/data/table.hpp"

namespace espalier {

/// A table from a matrix, map or expression of any real scalar type; column j is called names[j]. NaN is a missing value.
/// Throws DataError.
template <class Derived>
[[nodiscard]] Table table_from_matrix(const Eigen::MatrixBase<Derived>& matrix, const std::vector<std::string>& names) {
  if (static_cast<Index>(names.size()) != matrix.cols()) {
    throw DataError("matrix: " + std::to_string(matrix.cols()) + " columns, expected " + std::to_string(names.size()) +
                    ", one for each name");
  }
  const auto& values = matrix.derived().eval();  // itself, where it is no expression
  std::vector<std::vector<double>> columns(names.size(), std::vector<double>(static_cast<std::size_t>(values.rows())));
  constexpr Index block = 64;  // rows that stay in the cache, whichever way the matrix is stored
  for (Index begin = 0; begin < values.rows(); begin += block) {
    const Index end = (std::min)(begin + block, static_cast<Index>(values.rows()));
    for (Index j = 0; j < values.cols(); ++j) {
      double* const to = columns[static_cast<std::size_t>(j)].data();
      for (Index i = begin; i < end; ++i) to[i] = static_cast<double>(values(i, j));
    }
  }
  Table table;
  table.source = "matrix";
  for (std::size_t j = 0; j < names.size(); ++j) table.add(Column::number(names[j], std::move(columns[j])));
  return table;
}

}  // namespace espalier
