// expect: espalier: AttentionPool takes steps of three times as many values as it gives, and has a cache of one value a step
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::AttentionPool> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.cache = b.block(1);
    n.out = b.block(4);
    return b.template emit<esp::ops::AttentionPool>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
