// expect: espalier: Inputs takes fields
#include <espalier/espalier.hpp>
#include <iostream>
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Watch = esp::Task<"watch", esp::MeanSquaredError>;
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 8>>;
using Shared = esp::SharedBottom<esp::Mlp<64, 32>>;
struct Model : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">, Click>, Shared, Click, Watch> {
};

int main() {
  const auto [train, valid, test] = esp::read_csv<Model>("events.csv").split(0.8, 0.1, 0.1);
  esp::Trainer<Model> trainer{{.epochs = 20, .batch_size = 512}};
  trainer.fit(train, valid);
  std::cout << esp::summary<Model>() << trainer.evaluate(test);
  const esp::Predictor<Model> predictor("model.safetensors");
  return predictor.predict_row({{"age", 31.0}, {"user", "u1"}}).empty() ? 1 : 0;
}
