// expect: espalier: an optimiser keeps 0 to 4 numbers per parameter
#include "espalier/optim/optimizer.hpp"
namespace esp = espalier;
struct Hoarder {
  double learning_rate = 0.1;
  static constexpr std::string_view name = "hoarder";
  static constexpr int states = 5;
  [[nodiscard]] auto hyper_parameters() const {
    return std::array{esp::HyperParameter{"learning_rate", learning_rate}};
  }
  template <class T>
  [[nodiscard]] auto formula(const esp::UpdateStep&) const {
    return [](auto& p, auto g, auto&, auto&, auto&, auto&, auto&) { p -= g; };
  }
};
const esp::Optimizer optimizer = Hoarder{};
