// expect: espalier: a loss with several outputs needs template <class T> static void predict(const T* z, T* out)
#include "espalier/losses/losses.hpp"
struct Mine {
  static constexpr std::string_view name = "mine";
  static constexpr espalier::LabelKind label = espalier::LabelKind::real;
  static constexpr int outputs = 2;
  template <class T>
  static T evaluate(const T* z, T y, T* gradient);
};
const auto apply = &espalier::apply_loss<Mine, float>;
