// expect: espalier: what stands below another way to share must not bring towers of its own
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
using Below = esp::Gated<esp::MetaHeac<2, 2, 3, esp::Mlp<4>>, esp::GateDropout<esp::Rate{0.1}>>;
struct Model : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>,
                                   esp::Esmm<Below, "click", "buy">, Click, Buy> {};
const auto& plan = esp::plan_of<Model>();
