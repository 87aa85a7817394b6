// expect: espalier: GateLoad takes gates without steps, and has scratch for a value each and the weight of all
// Inputs of two steps, which there is no sentence for yet but in a model of one's own.
#include "espalier/describe/sharing/all.hpp"
#include "wrong_shape.hpp"
struct TwoSteps : Inputs {
  template <class Builder>
  static constexpr Block fold(Builder& b) {
    Block x = Inputs::fold(b);
    x.rows = x.stride = x.rows / 2;
    x.steps = 2;
    return x;
  }
};
struct LastStep {
  using Operations = esp::TypeList<>;
  static constexpr int width(int in) { return in; }
  template <class Builder>
  static constexpr Block fold(Builder&, Block in, int) {
    in.row += (in.steps - 1) * in.stride;
    in.stride *= in.steps;
    in.steps = 1;
    return in;
  }
};
using View = esp::Task<"view", esp::BinaryCrossEntropy, esp::Layers<LastStep>{}>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Layers<LastStep>{}>;
struct Steps : esp::MultiTaskModel<TwoSteps, esp::Gated<esp::Mmoe<2, esp::Mlp<4>>, esp::BalancedLoad<esp::Weight{0.1}>>, View, Buy> {};
const auto program = esp::program_of<Steps, float, esp::cpu::Device>();
