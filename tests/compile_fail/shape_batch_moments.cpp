// expect: espalier: BatchMoments has gain, shift, running mean and variance for each value, scratch of four times as many and one, and an output like its input
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::BatchMoments> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.scratch = b.scratch(32);
    n.scratch_size = 32;
    n.out = b.block(8);
    return b.template emit<esp::ops::BatchMoments>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
