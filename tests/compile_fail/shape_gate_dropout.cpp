// expect: espalier: GateDropout gives as many values and steps as it takes, in groups that divide them
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::GateDropout> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.groups = 5;
    n.out = b.block(8);
    return b.template emit<esp::ops::GateDropout>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
