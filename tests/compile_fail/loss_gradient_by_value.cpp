// expect: espalier: a loss with one output needs template <class T> static T evaluate(T z, T y, T& gradient)
#include "espalier/losses/losses.hpp"
struct Mine {
  static constexpr std::string_view name = "mine";
  static constexpr espalier::LabelKind label = espalier::LabelKind::real;
  static constexpr int outputs = 1;
  template <class T>
  static T evaluate(T z, T y, T gradient);
  template <class T>
  static T predict(T z);
};
const auto apply = &espalier::apply_loss<Mine, float>;
