// expect: espalier: DoublyRobust takes the logit of a conversion and an error beside it, the logit of its click, and is part of a task's loss
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::DoublyRobust> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in.slice(0, 1);
    n.in2 = in.slice(2, 1);
    n.field = n.loss = 0;
    n.out = in;
    return b.template emit<esp::ops::DoublyRobust>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
