// expect: espalier: GateLoad takes gates without steps, and has scratch for a value each and the weight of all
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::GateLoad> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.scratch_size = 8;
    n.scratch = b.scratch(8);
    n.out = in;
    return b.template emit<esp::ops::GateLoad>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
