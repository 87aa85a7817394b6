// expect: espalier: Copy gives as many values and steps as it takes
#include "two_steps.hpp"
struct Steps : esp::MultiTaskModel<TwoSteps, esp::MetaHeac<2, 2, 3, esp::Mlp<4>>, View, Buy> {};
const auto program = esp::program_of<Steps, float, esp::Cpu>();
