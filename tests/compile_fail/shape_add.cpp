// expect: espalier: Add takes two blocks of as many values and steps, and gives one like them
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Add> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.in2 = in.slice(0, 4);
    n.out = b.block(8);
    return b.template emit<esp::ops::Add>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
