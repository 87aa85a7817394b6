// expect: espalier: NextItem names the table of a Categorical of the inputs: the field's name, or that of its SharedTable
#include "espalier/sequences.hpp"

namespace esp = espalier;

struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"film", 8>>, esp::SharedBottom<esp::Mlp<8>>,
                          esp::Task<"next", esp::NextItem<"movie">>> {};

constexpr auto& plan = esp::plan_of<Model>();
