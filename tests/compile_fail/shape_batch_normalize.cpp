// expect: espalier: BatchNormalize has gain, shift, running mean and variance for each value, scratch of four times as many and one, and an output like its input
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::BatchNormalize> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.scratch = b.scratch(33);
    n.scratch_size = 33;
    n.out = b.block(8);
    return b.template emit<esp::ops::BatchNormalize>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
