// SPDX-License-Identifier: Apache-2.0
// `Parameters<T>`: a model's values: one buffer for all dense tensors, one per embedding table.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Rows of each table: `vocabulary_rows[v]` if it is of vocabulary v. Throws ConfigError if that is
/// missing, below 1 or more than the model allows; std::bad_alloc if a table is too large.
[[nodiscard]] ESPALIER_COLD inline std::vector<Index> table_rows(
    const PlanView& plan, const std::vector<Index>& vocabulary_rows) {
  std::vector<Index> rows;
  for (const TableInfo& table : plan.tables) {
    const auto vocabulary = static_cast<std::size_t>(table.vocabulary);
    if (vocabulary >= vocabulary_rows.size() || vocabulary_rows[vocabulary] < 1) {
      throw_error<ConfigError>(
          {"table '", table.name.view(),
           "': no number of rows given for its vocabulary, expected 1 or more"});
    }
    rows.push_back(vocabulary_rows[vocabulary]);
    if (table.most_rows > 0 && rows.back() > table.most_rows) {
      throw_error<ConfigError>({"table '", table.name.view(), "': the training data has ",
                                rows.back() - 1, " values, the model tells ", table.most_rows - 1,
                                " apart"});
    }
    if (rows.back() > std::numeric_limits<Index>::max() / table.width) throw std::bad_alloc();
  }
  return rows;
}

template <class T>
struct Parameters {
  Buffer<T> dense;                ///< trainable tensors, then state, in the plan's layout
  std::vector<Buffer<T>> tables;  ///< row-major: table_rows[i] × width
  std::vector<Index> table_rows;

  Parameters() = default;

  /// Initialises to zero. Tables of vocabulary v have `vocabulary_rows[v]` rows. Throws ConfigError
  /// if that is missing, below 1 or more than the model allows; std::bad_alloc if a table is too
  /// large.
  ESPALIER_COLD Parameters(const PlanView& plan, const std::vector<Index>& vocabulary_rows)
      : dense(static_cast<std::size_t>(plan.sizes.parameter_values)),
        table_rows(espalier::table_rows(plan, vocabulary_rows)) {
    for (std::size_t t = 0; t < table_rows.size(); ++t)
      tables.emplace_back(static_cast<std::size_t>(table_rows[t] * plan.tables[t].width));
  }

  /// Copies values without allocating. `other` must have the same plan and rows.
  void copy_from(const Parameters& other) {
    std::copy(other.dense.begin(), other.dense.end(), dense.begin());
    for (std::size_t i = 0; i < tables.size(); ++i) {
      std::copy(other.tables[i].begin(), other.tables[i].end(), tables[i].begin());
    }
  }

  /// Number of trainable values, without padding and state.
  [[nodiscard]] Index count(const PlanView& plan) const {
    Index sum = 0;
    for (const ParameterInfo& t : plan.tensors) sum += t.trainable ? t.size() : 0;
    for (const Buffer<T>& table : tables) sum += static_cast<Index>(table.size());
    return sum;
  }
};

/// Describes the first value that is NaN or infinite, or returns an empty string:
/// "tensor 'shared/dense0/weight' is nan at [1, 5]". `prefix` is put before the tensor's name.
template <class T>
[[nodiscard]] ESPALIER_COLD std::string find_not_finite(const PlanView& plan,
                                                        const Parameters<T>& parameters,
                                                        std::string_view prefix = {}) {
  const auto look = [&](std::string_view name, const T* values, Index count, Index columns) {
    const T* const found =
        std::find_if_not(values, values + count, [](T value) { return std::isfinite(value); });
    if (found == values + count) return std::string();
    const Index at = found - values;
    const std::string place =
        columns == 0 ? std::to_string(at)
                     : std::to_string(at / columns) + ", " + std::to_string(at % columns);
    return message(
        {"tensor '", prefix, name, "' is ", static_cast<double>(*found), " at [", place, "]"});
  };
  for (const ParameterInfo& t : plan.tensors) {
    std::string found =
        look(t.name.view(), parameters.dense.data() + t.offset, t.size(), t.columns);
    if (!found.empty()) return found;
  }
  for (std::size_t i = 0; i < parameters.tables.size(); ++i) {
    const Buffer<T>& table = parameters.tables[i];
    const TableInfo& info = plan.tables[i];
    std::string found =
        look(info.name.view(), table.data(), static_cast<Index>(table.size()), info.width);
    if (!found.empty()) return found;
  }
  return {};
}

namespace detail {

template <class T>
void initialize_range(T* values, Index count, Init init, Index fan_in, Index fan_out,
                      Random random) {
  const double in = static_cast<double>(fan_in), both = static_cast<double>(fan_in + fan_out);
  const auto uniform = [&](double bound) {
    for (Index i = 0; i < count; ++i) values[i] = static_cast<T>(random.uniform(-bound, bound));
  };
  const auto normal = [&](double deviation) {
    for (Index i = 0; i < count; ++i) values[i] = static_cast<T>(deviation * random.normal());
  };
  switch (init) {
    case Init::automatic:
    case Init::glorot_uniform:
      uniform(std::sqrt(6 / both));
      break;
    case Init::zeros:
      std::fill_n(values, count, T{0});
      break;
    case Init::ones:
      std::fill_n(values, count, T{1});
      break;
    case Init::he_uniform:
      uniform(std::sqrt(6 / in));
      break;
    case Init::he_normal:
      normal(std::sqrt(2 / in));
      break;
    case Init::glorot_normal:
      normal(std::sqrt(2 / both));
      break;
    case Init::lecun_normal:
      normal(std::sqrt(1 / in));
      break;
    case Init::pytorch:
      uniform(std::sqrt(1 / in));
      break;
    case Init::embedding:
      normal(0.01);
      break;
    case Init::small:
      uniform(0.05);
      break;
    case Init::stitch:
      for (Index i = 0; i < count; ++i) {
        const double others = fan_in > 1 ? 0.1 / static_cast<double>(fan_in - 1) : 0;
        values[i] = static_cast<T>(
            i / fan_in == i % fan_in ? 1 - others * static_cast<double>(fan_in - 1) : others);
      }
      break;
    case Init::mean:
      std::fill_n(values, count, static_cast<T>(1 / in));
      break;
  }
}

/// Hash of a name (FNV-1a), the same on all platforms.
[[nodiscard]] constexpr std::uint64_t hash_name(std::string_view name) {
  std::uint64_t h = 0xCBF29CE484222325ULL;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return h;
}

}  // namespace detail

/// Initialises `parameters`. A tensor's values depend only on `seed` and its name, shape and Init.
template <class T>
void initialize(const PlanView& plan, std::uint64_t seed, Parameters<T>& parameters) {
  parameters.dense.fill(T{0});
  for (const ParameterInfo& t : plan.tensors) {
    detail::initialize_range(parameters.dense.data() + t.offset, t.size(), t.init, t.columns,
                             t.rows, Random(seed, detail::hash_name(t.name.view())));
  }
  for (std::size_t i = 0; i < parameters.tables.size(); ++i) {
    const TableInfo& t = plan.tables[i];
    detail::initialize_range(parameters.tables[i].data(),
                             static_cast<Index>(parameters.tables[i].size()), Init::embedding,
                             t.width, t.width, Random(seed, detail::hash_name(t.name.view())));
  }
}

}  // namespace espalier
