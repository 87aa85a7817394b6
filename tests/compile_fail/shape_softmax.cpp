// expect: espalier: Softmax gives as many values and steps as it takes, in groups that divide them
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Softmax> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.groups = 3;
    n.out = b.block(8);
    return b.template emit<esp::ops::Softmax>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
