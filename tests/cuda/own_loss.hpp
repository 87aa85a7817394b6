// SPDX-License-Identifier: Apache-2.0
// A loss of an application's own, for GPUs.
#pragma once

#include <string_view>

#include "espalier/losses/cuda/library.hpp"

namespace own {

/// |z − y|³ / 3.
struct Cubic {
  static constexpr std::string_view name = "cubic";
  static constexpr espalier::LabelKind label = espalier::LabelKind::real;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    const T d = z - y;
    gradient = d > 0 ? d * d : -d * d;
    return gradient * d / 3;
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

}  // namespace own

ESPALIER_CUDA_LOSS(own::Cubic)
