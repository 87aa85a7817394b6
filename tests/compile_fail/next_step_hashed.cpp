// expect: espalier: NextStep predicts values of a Categorical, not hashed ones
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Seen = esp::Hashed<"seen", 100, 4, esp::Last<50>>;
using Inputs = esp::Inputs<esp::Sequence<Seen, esp::Gru<4>, esp::NextStep<>, esp::LastStep>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<4>>,
                                   esp::Task<"click", esp::BinaryCrossEntropy>> {};
esp::Trainer<Model> trainer{{}};
