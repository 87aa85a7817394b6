// expect: espalier: a task with NextItem ends in its tower
#include "espalier/describe/sharing/all.hpp"
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Categorical<"tab", 4>, esp::Categorical<"film", 8>>;
struct Model : esp::MultiTaskModel<Inputs, esp::Star<"tab", 3, esp::Mlp<8>, esp::Mlp<4>>,
                                   esp::Task<"next", esp::NextItem<"film">>> {};
esp::Trainer<Model> trainer{{}};
