// expect: espalier: Dense has groups that divide its inputs and outputs, a weight for each pair of them, a bias for each output or none, and as many steps out as in
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Dense> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.out = b.block(3);
    n.parameters[0] = b.tensor("weight", 3, in.rows - 1, esp::Init::zeros);
    return b.template emit<esp::ops::Dense>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
