// expect: espalier: a layer emits an operation that it does not list in `Operations`
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
struct Forgetful {
  using Operations = esp::TypeList<>;
  static constexpr int width(int in) { return in; }
  template <class Builder>
  static constexpr esp::Block fold(Builder& b, esp::Block in, int) {
    esp::Node node;
    node.in = in;
    node.out = b.block(in.rows);
    return b.template emit<esp::ops::Copy>(node);
  }
};
struct Model : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>,
                                   esp::SharedBottom<esp::Layers<Forgetful>>,
                                   esp::Task<"click", esp::BinaryCrossEntropy>> {};
const auto& plan = esp::plan_of<Model>();
