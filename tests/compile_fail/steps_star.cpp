// expect: espalier: DomainDense has weights and a bias once for all and once a domain, the field that tells domains, 256 of them at most, and no steps
#include "two_steps.hpp"
struct Steps : esp::MultiTaskModel<TwoSteps, esp::Star<"user", 4, esp::Mlp<4>>, View, Buy> {};
const auto program = esp::program_of<Steps, float, esp::Cpu>();
