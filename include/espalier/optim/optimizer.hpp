// SPDX-License-Identifier: Apache-2.0
// `Optimizer`: type-erased optimiser for float and double, for dense ranges and for the touched
// rows of embedding tables.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/view.hpp"
#include "espalier/optim/format.hpp"
#include "espalier/optim/rule.hpp"

namespace espalier {

/// Holds the hyper-parameters of a rule, not its state: the caller keeps states() numbers per
/// parameter, in buffers with the layout of the parameters, initialised to initial_state(i).
/// Immutable, cheap to copy, thread-safe: threads may update disjoint ranges concurrently, and the
/// results are bit-identical for any split into ranges.
class Optimizer {
 public:
  /// From any rule: `Optimizer o = Adam{.learning_rate = 1e-3};`. Throws ConfigError, naming the
  /// hyper-parameter, if one is out of range.
  template <class Rule>
  requires(!std::same_as<Rule, Optimizer> && OptimizerRule<Rule>)
      // NOLINTNEXTLINE(google-explicit-constructor): an option is given as the rule itself.
      ESPALIER_COLD Optimizer(const Rule& rule)
      : model_(std::make_shared<const Model<Rule>>(rule)) {
    static_assert(Rule::states >= 0 && Rule::states <= max_optimizer_states,
                  "espalier: an optimiser keeps 0 to 4 numbers per parameter");
    for (const HyperParameter& h : rule.hyper_parameters()) {
      if (h.value >= h.low && h.value < h.high) continue;
      throw_error<ConfigError>({Rule::name, ": ", h.name, " is ", optim_detail::shortest(h.value),
                                "; expected a number in [", optim_detail::shortest(h.low), ", ",
                                optim_detail::shortest(h.high), ")"});
    }
  }

  [[nodiscard]] std::string_view name() const { return model_->name(); }
  /// Numbers kept per parameter: 0 for plain gradient descent, 2 for Adam.
  [[nodiscard]] int states() const { return model_->states(); }
  [[nodiscard]] double learning_rate() const { return model_->learning_rate(); }
  /// Initial value of every element of state i < states().
  [[nodiscard]] double initial_state(int i) const { return model_->initial_state(i); }
  /// "adam(learning_rate=0.001, beta1=0.9, …)": all hyper-parameters without loss of precision;
  /// equal texts mean equal optimisers.
  [[nodiscard]] std::string describe() const { return model_->describe(); }
  /// All hyper-parameters with their values.
  [[nodiscard]] std::vector<HyperParameter> hyper_parameters() const {
    return model_->hyper_parameters();
  }
  /// Whether the rule has a `double weight_decay`.
  [[nodiscard]] bool has_weight_decay() const { return model_->has_weight_decay(); }
  /// Returns a copy with this weight decay; an unchanged copy if the rule has none. Throws
  /// ConfigError if the value is out of range.
  [[nodiscard]] Optimizer with_weight_decay(double value) const {
    return model_->with_weight_decay(value);
  }

  /// Updates `n` parameters `p` with their gradients `g`; `states` points to states() arrays of
  /// length n. Any alignment; the arrays must not overlap. `states` may be null if states() is 0.
  void update(float* p, const float* g, float* const* states, Index n,
              const UpdateStep& step) const {
    model_->update(p, g, states, n, step);
  }
  void update(double* p, const double* g, double* const* states, Index n,
              const UpdateStep& step) const {
    model_->update(p, g, states, n, step);
  }

  /// Updates the rows `rows[0 … count)` of `table` (rows × width, row-major) with `gradients`
  /// (count × width); a row must not occur twice in `rows`. `states` points to states() arrays with
  /// the layout of the table. Lazy: other rows, their moments and weight decay included, do not
  /// change; the moments of a touched row have missed the steps in which it was not touched, and
  /// the bias is corrected with the global step (as in TensorFlow's LazyAdam).
  void update_rows(float* table, float* const* states, const std::int32_t* rows,
                   const float* gradients, Index count, Index width, const UpdateStep& step) const {
    model_->update_rows(table, states, rows, gradients, count, width, step);
  }
  void update_rows(double* table, double* const* states, const std::int32_t* rows,
                   const double* gradients, Index count, Index width,
                   const UpdateStep& step) const {
    model_->update_rows(table, states, rows, gradients, count, width, step);
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual int states() const = 0;
    [[nodiscard]] virtual double learning_rate() const = 0;
    [[nodiscard]] virtual double initial_state(int i) const = 0;
    [[nodiscard]] virtual std::string describe() const = 0;
    [[nodiscard]] virtual std::vector<HyperParameter> hyper_parameters() const = 0;
    [[nodiscard]] virtual bool has_weight_decay() const = 0;
    [[nodiscard]] virtual Optimizer with_weight_decay(double value) const = 0;
    virtual void update(float*, const float*, float* const*, Index, const UpdateStep&) const = 0;
    virtual void update(double*, const double*, double* const*, Index, const UpdateStep&) const = 0;
    virtual void update_rows(float*, float* const*, const std::int32_t*, const float*, Index, Index,
                             const UpdateStep&) const = 0;
    virtual void update_rows(double*, double* const*, const std::int32_t*, const double*, Index,
                             Index, const UpdateStep&) const = 0;
  };

  template <class Rule>
  struct Model final : Concept {
    explicit Model(const Rule& r) : rule(r) {}

    [[nodiscard]] std::string_view name() const override { return Rule::name; }
    [[nodiscard]] int states() const override { return stateless() ? 0 : Rule::states; }
    [[nodiscard]] double learning_rate() const override { return rule.learning_rate; }
    [[nodiscard]] double initial_state(int i) const override {
      if constexpr (requires { rule.initial_state(i); })
        return rule.initial_state(i);
      else
        return 0;
    }
    [[nodiscard]] ESPALIER_COLD std::string describe() const override {
      std::string text;
      for (const HyperParameter& h : rule.hyper_parameters())
        text += (text.empty() ? "" : ", ") + std::string(h.name) + "=" +
                optim_detail::shortest(h.value);
      return std::string(Rule::name) + "(" + text + ")";
    }
    [[nodiscard]] ESPALIER_COLD std::vector<HyperParameter> hyper_parameters() const override {
      const auto all = rule.hyper_parameters();
      return {all.begin(), all.end()};
    }
    [[nodiscard]] bool has_weight_decay() const override {
      return requires(Rule r) { r.weight_decay = 0.0; };
    }
    [[nodiscard]] ESPALIER_COLD Optimizer with_weight_decay(double value) const override {
      Rule copy = rule;
      if constexpr (requires { copy.weight_decay = value; }) copy.weight_decay = value;
      return copy;
    }
    void update(float* p, const float* g, float* const* s, Index n,
                const UpdateStep& step) const override {
      step_range(p, g, s, n, step);
    }
    void update(double* p, const double* g, double* const* s, Index n,
                const UpdateStep& step) const override {
      step_range(p, g, s, n, step);
    }
    void update_rows(float* table, float* const* s, const std::int32_t* rows, const float* g,
                     Index count, Index width, const UpdateStep& step) const override {
      step_rows(table, s, rows, g, count, width, step);
    }
    void update_rows(double* table, double* const* s, const std::int32_t* rows, const double* g,
                     Index count, Index width, const UpdateStep& step) const override {
      step_rows(table, s, rows, g, count, width, step);
    }

    [[nodiscard]] bool stateless() const {
      if constexpr (Rule::states > 0 && requires { rule.stateless(); })
        return rule.stateless();
      else
        return Rule::states == 0;
    }

    template <class T>
    void step_range(T* p, const T* g, T* const* s, Index n, const UpdateStep& step) const {
      run<T>(s, step, [&](const auto& formula, const auto& states) {
        optim_detail::update_range(formula, p, g, states, n);
      });
    }

    template <class T>
    void step_rows(T* table, T* const* s, const std::int32_t* rows, const T* g, Index count,
                   Index width, const UpdateStep& step) const {
      run<T>(s, step, [&](const auto& formula, const auto& states) {
        constexpr Index ahead = 8;  // prefetch distance: the rows are scattered in memory
        auto at = states;
        for (Index r = 0; r < count; ++r) {
          const Index offset = rows[r] * width;
          if (r + ahead < count) {
            const Index next = rows[r + ahead] * width;
            prefetch_row(table + next, width);
            for (const T* state : states) prefetch_row(state + next, width);
          }
          for (std::size_t i = 0; i != at.size(); ++i) at[i] = states[i] + offset;
          optim_detail::update_range(formula, table + offset, g + r * width, at, width);
        }
      });
    }

    /// Makes the formula once and calls `loop` with it and the states in use: all or none.
    template <class T, class Loop>
    void run(T* const* s, const UpdateStep& step, Loop loop) const {
      constexpr auto count = static_cast<std::size_t>(Rule::states);
      const auto formula = rule.template formula<T>(step);
      if (stateless()) {
        loop(optim_detail::WithoutStates<decltype(formula), count>{formula}, std::array<T*, 0>{});
      } else if constexpr (count > 0) {  // else stateless
        std::array<T*, count> states{};
        for (std::size_t i = 0; i < count; ++i) states[i] = s[i];
        loop(formula, states);
      }
    }

    Rule rule;
  };

  std::shared_ptr<const Concept> model_;
};

}  // namespace espalier
