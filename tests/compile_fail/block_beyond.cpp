// expect: espalier: a block that an operation reads or writes goes beyond its rows, or beyond the plan's values
#include "wrong_shape.hpp"
struct Beyond : Emits<esp::ops::Copy> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in.slice(4, in.rows);
    n.out = b.block(in.rows);
    return b.template emit<esp::ops::Copy>(n);
  }
};
const auto program = esp::program_of<Model<Beyond>, float, esp::Cpu>();
