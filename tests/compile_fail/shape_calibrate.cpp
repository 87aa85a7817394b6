// expect: espalier: Calibrate takes the logits of two steps of a funnel, one value each, and is part of a task's loss
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Calibrate> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in.slice(0, 1);
    n.in2 = in.slice(1, 1);
    n.out = in;
    return b.template emit<esp::ops::Calibrate>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
