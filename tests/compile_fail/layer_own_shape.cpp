// expect: espalier test: Scale has a gain for each value
// The shape of a user-defined operation.
#include "wrong_shape.hpp"
struct Scale {
  static constexpr std::string_view name = "scale";
  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.like(n.out) && n.parameters[0].size == n.in.rows;
    }
    template <bool Holds, esp::Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier test: Scale has a gain for each value");
    }
  };
  template <class C>
  static void forward(const Node&, const C&) {}
  template <class C>
  static void backward(const Node&, const C&) {}
  static constexpr esp::Cost cost(const Node&) { return {}; }
};
struct Scaled : Emits<Scale> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.parameters[0] = b.tensor("gain", 1, 0, esp::Init::ones);
    n.out = b.block(in.rows, in.steps);
    return b.template emit<Scale>(n);
  }
};
const auto program = esp::program_of<Model<Scaled>, float, esp::Cpu>();
