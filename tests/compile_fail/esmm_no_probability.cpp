// expect: espalier: the steps of Esmm are probabilities: tasks with BinaryCrossEntropy
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{1.0}, esp::Tower<3>>;
struct Model : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>,
                                   esp::Esmm<esp::Mlp<4>, "click", "watch">, Click, Buy, Watch> {};
const auto& plan = esp::plan_of<Model>();
