// expect: espalier: expected a model: struct Model : MultiTaskModel<
#include <espalier/espalier.hpp>
#include <iostream>
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Watch = esp::Task<"watch", esp::MeanSquaredError>;
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 8>>;
using Shared = esp::SharedBottom<esp::Mlp<64, 32>>;
struct Model : esp::MultiTaskModel<Inputs, Shared, Click, Watch> {};

int main() {
  esp::Trainer<Inputs> trainer;
  std::cout << trainer.evaluate(esp::read_csv<Model>("events.csv"));
}
