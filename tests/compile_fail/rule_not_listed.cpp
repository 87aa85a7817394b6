// expect: espalier: a layer requires a rule that it does not list in `Operations`
#include "wrong_shape.hpp"
struct Never {
  template <bool Holds, esp::Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier test: never");
  }
};
struct Forgets : Emits<esp::ops::Copy> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    b.template require<Never>(false);
    return in;
  }
};
const auto& plan = esp::plan_of<Model<Forgets>>();
