// expect: espalier: GateDropout's rate must lie in [0, 1)
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>,
                          esp::Gated<esp::Mmoe<2, esp::Mlp<4>>, esp::GateDropout<esp::Rate{0.6}>,
                                     esp::GateDropout<esp::Rate{0.4}>>,
                          Click> {};
const auto& plan = esp::plan_of<Model>();
