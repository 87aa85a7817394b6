// expect: espalier: expected a model: struct Model : MultiTaskModel<
#include <espalier/espalier.hpp>
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Watch = esp::Task<"watch", esp::MeanSquaredError>;
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 8>>;
using Shared = esp::SharedBottom<esp::Mlp<64, 32>>;

int main() {
  return esp::Predictor<Click>("model.safetensors").predict_row({{"age", 31.0}}).empty() ? 1 : 0;
}
