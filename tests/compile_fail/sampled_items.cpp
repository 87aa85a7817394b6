// expect: espalier: Sampled{n} draws from 1 to 65536 items
#include "espalier/sequences.hpp"

namespace esp = espalier;

struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"film", 8>>, esp::SharedBottom<esp::Mlp<8>>,
                          esp::Task<"next", esp::NextItem<"film", esp::Sampled{0}>>> {};

constexpr auto& plan = esp::plan_of<Model>();
