// expect: espalier: AddSinusoids gives as many values and steps as it takes
#include "espalier/kernels/cpu/sinusoids.hpp"
#include "espalier/ops/positions.hpp"
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::AddSinusoids> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.out = b.block(in.rows + 1);
    return b.template emit<esp::ops::AddSinusoids>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
