// SPDX-License-Identifier: Apache-2.0
// A model with a loss of its own, for a GPU: compiled by nvcc. Prints one line where there is none.
#include <cstdio>

#include "espalier/describe/model.hpp"
#include "espalier/exec/cuda/train_executor.hpp"

namespace esp = espalier;

/// |z − y|³ / 3.
struct Cubic {
  static constexpr std::string_view name = "cubic";
  static constexpr esp::LabelKind label = esp::LabelKind::real;
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

using Rating = esp::Task<"rating", Cubic, esp::Weight{1.0}, esp::Tower<8>>;
using Inputs = esp::Inputs<esp::NumericVector<"x", 3>, esp::Categorical<"user", 4>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Rating> {};

int main() {
  try {
    esp::CudaTrainExecutor executor(esp::program_of<Model, float, esp::Cuda>(), {10}, 16);
    std::printf("%s\n", esp::cuda::gpu_name().c_str());
  } catch (const esp::Error& error) {
    std::printf("%s\n", error.what());
  }
}
