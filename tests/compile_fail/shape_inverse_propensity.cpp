// expect: espalier: InversePropensity takes the logits of a conversion and of its click, one value each, and is part of a task's loss
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::InversePropensity> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in.slice(0, 2);
    n.in2 = in.slice(2, 1);
    n.field = n.loss = 0;
    n.out = in;
    return b.template emit<esp::ops::InversePropensity>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
