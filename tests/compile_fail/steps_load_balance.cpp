// expect: espalier: GateLoad takes gates without steps, and has scratch for a value each and the weight of all
#include "two_steps.hpp"
struct Steps
    : esp::MultiTaskModel<
          TwoSteps, esp::Gated<esp::Mmoe<2, esp::Mlp<4>>, esp::BalancedLoad<esp::Weight{0.1}>>,
          View, Buy> {};
const auto program = esp::program_of<Steps, float, esp::Cpu>();
