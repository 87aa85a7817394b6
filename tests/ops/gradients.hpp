// SPDX-License-Identifier: Apache-2.0
// Shared helpers of the gradient checks.
#pragma once

#include <doctest/doctest.h>

#include "espalier/describe/model.hpp"
#include "espalier/exec/check_gradients.hpp"

namespace espalier_test {

namespace esp = espalier;

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<6>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<6>>;
using Content = esp::Task<"content", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<5>>;
/// Fields of every kind: 17 values.
using Inputs = esp::Inputs<
    esp::Numeric<"a">, esp::Categorical<"movie", 3>, esp::Numeric<"b">, esp::Numeric<"c">,
    esp::Categorical<"last", 3, esp::SharedTable<"movie">>, esp::MultiCategorical<"tags", 4>,
    esp::Categorical<"words", 2, esp::Pooled<esp::Pool::sum, ' '>>, esp::Hashed<"url", 5, 2>>;

template <class Model>
void check_model(const esp::GradientCheckOptions& options = {}) {
  const esp::GradientCheckResult result = esp::check_gradients<Model>(options);
  INFO(result.where);
  CHECK(result.checked > 50);
  CHECK(result.worst < 1e-4);
}

}  // namespace espalier_test
