// expect: espalier: a way to share left the block that this task's tower reads empty
#include "wrong_shape.hpp"
struct Forgets {
  using Operations = Inputs::Operations;
  static constexpr std::string_view name = "forgets";
  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    InputsType::fold(b);
    return {};
  }
};
struct Empty : esp::MultiTaskModel<Inputs, Forgets, Click> {};
const auto& plan = esp::plan_of<Empty>();
