// expect: espalier: RotateSteps gives as many values and steps as it takes, queries, keys and values of heads with an even number of values each
#include "espalier/kernels/cpu/sinusoids.hpp"
#include "espalier/ops/positions.hpp"
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::RotateSteps> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.out = b.block(in.rows);
    return b.template emit<esp::ops::RotateSteps>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
