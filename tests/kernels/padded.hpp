// SPDX-License-Identifier: Apache-2.0
// Matrices for kernel tests: any stride, any misalignment, surrounded by guard values (the fence).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/core/view.hpp"
#include "kernels/memory.hpp"

namespace espalier_test {

using espalier::Index;

/// A rows × cols matrix with `gap` values between columns, `shift` values after the start of the
/// memory. Values outside of the matrix are the fence.
template <class T>
class Padded {
 public:
  static constexpr T fence = static_cast<T>(-12345.5);

  Padded(Index rows, Index cols, Index gap = 0, Index shift = 0)
      : rows_(rows),
        cols_(cols),
        stride_(rows + gap),
        shift_(shift),
        memory_(static_cast<std::size_t>(shift + (rows + gap) * cols + 7), fence) {
    for (Index j = 0; j < cols; ++j) {
      for (Index i = 0; i < rows; ++i) at(i, j) = std::numeric_limits<T>::quiet_NaN();
    }
  }

  Padded& randomize(std::uint64_t seed, double scale = 1) {
    espalier::Random random(seed);
    for (Index j = 0; j < cols_; ++j) {
      for (Index i = 0; i < rows_; ++i) at(i, j) = static_cast<T>(scale * random.normal());
    }
    return *this;
  }
  Padded& fill(T value) {
    for (Index j = 0; j < cols_; ++j) {
      for (Index i = 0; i < rows_; ++i) at(i, j) = value;
    }
    return *this;
  }

  [[nodiscard]] T& at(Index i, Index j) { return memory_[place(i, j)]; }
  /// The value as a double, for references.
  [[nodiscard]] double operator()(Index i, Index j) const {
    return static_cast<double>(memory_[place(i, j)]);
  }

  [[nodiscard]] espalier::View<T> view() {
    return {memory_.data() + shift_, rows_, cols_, stride_};
  }
  [[nodiscard]] espalier::View<const T> view() const {
    return {memory_.data() + shift_, rows_, cols_, stride_};
  }
  [[nodiscard]] T* data() { return memory_.data() + shift_; }
  [[nodiscard]] const T* data() const { return memory_.data() + shift_; }
  [[nodiscard]] Index rows() const { return rows_; }
  [[nodiscard]] Index cols() const { return cols_; }

  /// Whether the fence is intact.
  [[nodiscard]] bool fenced() const {
    std::vector<bool> inside(memory_.size(), false);
    for (Index j = 0; j < cols_; ++j) {
      for (Index i = 0; i < rows_; ++i) inside[place(i, j)] = true;
    }
    for (std::size_t p = 0; p < memory_.size(); ++p) {
      if (!inside[p] && memory_[p] != fence) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] std::size_t place(Index i, Index j) const {
    return static_cast<std::size_t>(shift_ + i + j * stride_);
  }

  Index rows_, cols_, stride_, shift_;
  TestVector<T> memory_;
};

/// The maximum of |got − expected| / bound over the matrix. NaN equals NaN, infinity equals itself;
/// any other non-finite error gives infinity.
template <class T, class Expected, class Bound>
double worst_error(const Padded<T>& got, Expected expected, Bound bound) {
  double worst = 0;
  for (Index j = 0; j < got.cols(); ++j) {
    for (Index i = 0; i < got.rows(); ++i) {
      const double e = expected(i, j), g = got(i, j);
      if (std::isnan(e) && std::isnan(g)) continue;
      if (e == g) continue;
      const double error = std::abs(g - e) / bound(i, j);
      worst = error <= worst ? worst : error;
      if (!(error <= worst)) return std::numeric_limits<double>::infinity();
    }
  }
  return worst;
}

template <class T>
inline constexpr double epsilon_of = static_cast<double>(std::numeric_limits<T>::epsilon());

}  // namespace espalier_test
