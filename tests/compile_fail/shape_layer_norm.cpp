// expect: espalier: LayerNorm gives as many values and steps as it takes, has a gain and a shift for each value, and a cache of two values a step
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::LayerNorm> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.parameters[0] = b.tensor("gain", 8, 0, esp::Init::ones);
    n.parameters[1] = b.tensor("shift", 8, 0, esp::Init::zeros);
    n.cache = b.block(1);
    n.out = b.block(8);
    return b.template emit<esp::ops::LayerNorm>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
