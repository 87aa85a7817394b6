// expect: espalier: Multiply takes two blocks of as many values and steps, and gives one like them
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Multiply> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.in2 = in;
    n.out = b.block(4);
    return b.template emit<esp::ops::Multiply>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
