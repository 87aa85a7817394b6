// expect: espalier: a loss says which labels it takes: static constexpr LabelKind label
#include "espalier/losses/losses.hpp"
struct Mine {
  static constexpr std::string_view name = "mine";
  static constexpr int outputs = 1;
  template <class T>
  static T evaluate(T z, T y, T& gradient);
  template <class T>
  static T predict(T z);
};
const auto apply = &espalier::apply_loss<Mine, float>;
