// expect: espalier: PointwiseAttention takes steps of three times as many values as it gives, a multiple of its heads, and has no bias or one per head and bucket of distances
#include "espalier/kernels/cpu/attention.hpp"
#include "espalier/ops/attention.hpp"
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::PointwiseAttention> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block, int) {
    Node n;
    n.in = b.block(12);
    n.distances = 3;
    n.parameters[0] = b.tensor("bias", 1, 6, esp::Init::zeros);  // has 5 buckets
    n.cache = b.block(1);
    n.out = b.block(4);
    return b.template emit<esp::ops::PointwiseAttention>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
