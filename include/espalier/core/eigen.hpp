// SPDX-License-Identifier: Apache-2.0
// `as_eigen`: a View as an Eigen map.
#pragma once

#include <Eigen/Core>
#include <type_traits>

#include "espalier/core/view.hpp"

namespace espalier {

/// Returns the view as an Eigen map, for use in Eigen expressions. Does not own the values.
template <class T>
[[nodiscard]] auto as_eigen(View<T> v) {
  using Plain = Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic>;
  using Matrix = std::conditional_t<std::is_const_v<T>, const Plain, Plain>;
  return Eigen::Map<Matrix, 0, Eigen::OuterStride<>>(v.data, v.rows, v.cols,
                                                     Eigen::OuterStride<>(v.stride));
}

}  // namespace espalier
