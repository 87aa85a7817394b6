// expect: espalier: expected a model: struct Model : MultiTaskModel<
#include <espalier/espalier.hpp>
#include <iostream>
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Watch = esp::Task<"watch", esp::MeanSquaredError>;
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 8>>;
using Shared = esp::SharedBottom<esp::Mlp<64, 32>>;

int main() { std::cout << esp::read_csv<Inputs>("events.csv").size(); }
