// expect: espalier: NumericInput names the first of its numbers, and has no steps
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::NumericInput> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.out = b.block(8);
    return b.template emit<esp::ops::NumericInput>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
