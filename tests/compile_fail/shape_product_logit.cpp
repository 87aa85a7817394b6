// expect: espalier: ProductLogit takes two blocks of as many values and steps, and gives one like them
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::ProductLogit> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in.slice(0, 1);
    n.in2 = in.slice(1, 2);
    n.out = b.block(1);
    return b.template emit<esp::ops::ProductLogit>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
