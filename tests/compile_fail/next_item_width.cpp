// expect: espalier: NextItem and NextStep compare with vectors as wide as the table
#include "espalier/sequences.hpp"

namespace esp = espalier;

struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"film", 8>>, esp::SharedBottom<esp::Mlp<16>>,
                          esp::Task<"next", esp::NextItem<"film">>> {};

constexpr auto program = esp::program_of<Model, float, esp::Cpu>();
