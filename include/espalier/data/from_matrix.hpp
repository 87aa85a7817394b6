// SPDX-License-Identifier: Apache-2.0
// `table_from_matrix`: a table from a matrix in memory whose rows are samples, features first,
// labels last.
#pragma once

#include <algorithm>
#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/data/table.hpp"

namespace espalier {

/// A type with rows() and cols(), and elements (i, j) once it is evaluated: Eigen's matrices, maps
/// and expressions, and matrices of other libraries. Does not include Eigen.
template <class M>
concept MatrixLike = requires(const M& matrix) {
  { matrix.rows() } -> std::convertible_to<Index>;
  { matrix.cols() } -> std::convertible_to<Index>;
};

/// A table from a matrix of any real scalar type; column j is called names[j]. NaN is a missing
/// value. Throws DataError if the number of names differs from the number of columns.
template <MatrixLike M>
[[nodiscard]] Table table_from_matrix(const M& matrix, const std::vector<std::string>& names) {
  if constexpr (requires { matrix.derived().eval(); }) {
    // An expression is evaluated once; a matrix is used directly.
    using Evaluated = std::remove_cvref_t<decltype(matrix.derived().eval())>;
    if constexpr (!std::same_as<Evaluated, M>) {
      const Evaluated evaluated = matrix;
      return table_from_matrix(evaluated, names);
    }
  }
  if (static_cast<Index>(names.size()) != matrix.cols()) {
    throw_error<DataError>(
        {"matrix: ", matrix.cols(), " columns, expected ", names.size(), ", one for each name"});
  }
  std::vector<std::vector<double>> columns(
      names.size(), std::vector<double>(static_cast<std::size_t>(matrix.rows())));
  constexpr Index block = 64;  // rows that stay in cache for either storage order
  for (Index begin = 0; begin < matrix.rows(); begin += block) {
    const Index end = (std::min)(begin + block, static_cast<Index>(matrix.rows()));
    for (Index j = 0; j < matrix.cols(); ++j) {
      double* const to = columns[static_cast<std::size_t>(j)].data();
      for (Index i = begin; i < end; ++i) to[i] = static_cast<double>(matrix(i, j));
    }
  }
  Table table;
  table.source = "matrix";
  for (std::size_t j = 0; j < names.size(); ++j) {
    Column column = Column::number(names[j], std::move(columns[j]));
    column.exact_below =
        Column::exact_below_of<std::remove_cvref_t<decltype(matrix(Index{}, Index{}))>>();
    table.add(std::move(column));
  }
  return table;
}

}  // namespace espalier
