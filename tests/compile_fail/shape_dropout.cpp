// expect: espalier: Dropout gives as many values and steps as it takes
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Dropout> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.out = b.block(9);
    return b.template emit<esp::ops::Dropout>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
