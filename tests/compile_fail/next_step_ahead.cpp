// expect: espalier: NextStep predicts what a layer before it has seen
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Seen = esp::Categorical<"seen", 4, esp::Last<50>>;
using Inputs = esp::Inputs<esp::Sequence<Seen, esp::Transformer<>, esp::NextStep<>, esp::LastStep>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Layers<>>,
                                   esp::Task<"next", esp::NextItem<"seen">>> {};
esp::Trainer<Model> trainer{{}};
