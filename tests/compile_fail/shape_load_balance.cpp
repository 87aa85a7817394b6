// expect: espalier: LoadBalance takes gates without steps, in at most 64 groups that divide them, and the scratch of their load
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::LoadBalance> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.out = in;
    return b.template emit<esp::ops::LoadBalance>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
