// expect: espalier: DomainDense has weights and a bias once for all and once a domain, the field that tells domains, 256 of them at most, and no steps
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::DomainDense> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.groups = 2;
    n.field = 0;
    n.parameters[0] = b.tensor("weight", 3, 8, esp::Init::zeros);
    n.parameters[1] = b.tensor("bias", 3, 0, esp::Init::zeros);
    n.parameters[2] = b.tensor("weights", 3, 8, esp::Init::zeros);
    n.parameters[3] = b.tensor("biases", 3, 0, esp::Init::zeros);
    n.out = b.block(3);
    return b.template emit<esp::ops::DomainDense>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
