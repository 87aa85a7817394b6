// expect: espalier: a task's name has a control character, or is no UTF-8: expected a line of text
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using A = esp::Task<"click\nbuy", esp::BinaryCrossEntropy>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>, esp::SharedBottom<esp::Mlp<8>>, A> {};
const auto& plan = esp::plan_of<Model>();
