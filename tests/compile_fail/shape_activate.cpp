// expect: espalier: Activate gives as many values and steps as it takes
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Activate> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.out = b.block(7);
    return b.template emit<esp::ops::Activate>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
