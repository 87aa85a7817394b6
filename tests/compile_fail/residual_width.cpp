// expect: espalier: the layers inside Residual must give as many values as they take
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model
    : esp::MultiTaskModel<
          esp::Inputs<esp::Numeric<"age">>,
          esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::Residual<esp::Dense<12>>>>, Click> {};
const auto& plan = esp::plan_of<Model>();
