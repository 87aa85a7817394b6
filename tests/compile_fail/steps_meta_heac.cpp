// expect: espalier: Copy gives as many values and steps as it takes
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
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy>;
struct Steps : esp::MultiTaskModel<TwoSteps, esp::MetaHeac<2, 2, 3, esp::Mlp<4>>, Click, Buy> {};
const auto program = esp::program_of<Steps, float, esp::cpu::Device>();
