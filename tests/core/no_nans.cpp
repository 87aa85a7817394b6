// SPDX-License-Identifier: Apache-2.0
// Compiled with -fno-honor-nans: creating a trainer throws ConfigError.
#include <cstdio>
#include <espalier/espalier.hpp>
#include <string_view>

namespace esp = espalier;

using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>, esp::SharedBottom<esp::Mlp<4>>, Click> {
};

template <class F>
static bool refused(F start) {
  try {
    start();
  } catch (const esp::ConfigError& error) {
    return std::string_view(error.what()).find("compile without -fno-honor-nans") !=
           std::string_view::npos;
  }
  return false;
}

int main() {
  const bool trainer = refused([] { const esp::Trainer<Model> made; });
  const bool check = refused([] { esp::require_nan(); });
  std::printf("trainer %s, check %s\n", trainer ? "refused" : "starts",
              check ? "refuses" : "takes it");
  return trainer && check ? 0 : 1;
}
