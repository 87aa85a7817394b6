// SPDX-License-Identifier: Apache-2.0
// `PlanBuilder`: descriptors call it, in order, to lay out blocks, tensors, tables and operations.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "espalier/plan/plan.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier {

/// What softmax gates are asked for (describe/sharing/gates.hpp).
struct GateOptions {
  double dropout = 0;
  double load_balance = 0;
  double of_shared_gates = 1;  ///< what the load's term of a gate of all tasks is multiplied by
};

/// Used twice by the compiler: first to count (N = 0 arrays), then to fill arrays of that size.
template <std::size_t Nodes, std::size_t Tensors, std::size_t Tables, std::size_t Tasks>
class PlanBuilder {
 public:
  std::array<Node, Nodes> nodes{};
  std::array<ParameterInfo, Tensors> tensors{};
  std::array<TableInfo, Tables> tables{};
  std::array<TaskInfo, Tasks> tasks{};
  PlanSizes sizes{};

  /// Room for `rows` values a step and sample.
  constexpr Block block(int rows, int steps = 1, bool gradient = true) {
    const Block made{sizes.values, 0, rows, rows, steps, gradient};
    sizes.values += rows * steps;
    return made;
  }

  /// A matrix (rows × columns) or, with no columns, a vector of parameters.
  constexpr Extent tensor(std::string_view name, int rows, int columns, Init init) {
    return add_tensor(name, rows, columns, init, true);
  }

  /// A vector that is saved but not learnt. State lies after all parameters.
  constexpr Extent state(std::string_view name, int rows, Init init) {
    return add_tensor(name, rows, 0, init, false);
  }

  /// Lets the next tensor begin on a cache line. Tensors made without it in between are neighbours, which
  /// join() puts together.
  constexpr void align() {
    parameters_ = (parameters_ + 15) / 16 * 16;
    state_ = (state_ + 15) / 16 * 16;
  }

  /// Takes the tensor that was made right behind the last of `all` into it: one wider matrix.
  constexpr void join(Extent& all, const Extent& next) {
    if (!all.exists()) {
      all = next;
      return;
    }
    require<detail::TensorsAdjoin>(next.offset == all.offset + all.size && next.first == all.first + all.count);
    all.size += next.size;
    all.count += next.count;
  }

  constexpr int table(std::string_view name, int vocabulary, int width) {
    if constexpr (Tables > 0) {
      const auto at = static_cast<std::size_t>(sizes.tables);
      tables[at].name = path_;
      tables[at].name.append(name);
      tables[at].vocabulary = vocabulary;
      tables[at].width = width;
      tables[at].task = task_;
    }
    return sizes.tables++;
  }

  /// The tables of `vocabulary` must not have more rows: the model has parameters for each.
  constexpr void limit_rows(int vocabulary, int most) {
    for (std::size_t i = 0; i < Tables && i < static_cast<std::size_t>(sizes.tables); ++i) {
      if (tables[i].vocabulary == vocabulary) tables[i].most_rows = most;
    }
  }

  /// Numbers the node's look-up, which fills its output.
  constexpr void add_lookup(Node& node) {
    node.lookup = sizes.lookups++;
    node.lookup_base = sizes.lookup_values;
    sizes.lookup_values += node.out.rows;
  }

  /// Adds an operation. `node.op` is set by `Op`.
  template <class Op>
  constexpr Block emit(Node node) {
    node.op = op_id<Op>;
    node.name = path_;
    if (node.name.size > 0) node.name.text[--node.name.size] = '\0';  // the last '/'
    node.task = task_;
    if constexpr (Nodes > 0) nodes[static_cast<std::size_t>(sizes.nodes)] = node;
    ++sizes.nodes;
    return node.out;
  }

  constexpr void add_task(const TaskInfo& task) {
    if constexpr (Tasks > 0) tasks[static_cast<std::size_t>(sizes.tasks)] = task;
    ++sizes.tasks;
  }

  /// Values that every microbatch adds up, and that are then merged: batch statistics. Returns their offset.
  constexpr int scratch(int values) {
    const int at = sizes.scratch;
    sizes.scratch += values;
    return at;
  }

  /// Ends what scope() or owned_by() began, at the end of the block in which it stands.
  class [[nodiscard]] Scope {
   public:
    constexpr Scope(PlanBuilder& builder, int path, int task) : builder_(builder), path_(path), task_(task) {}
    constexpr ~Scope() {
      while (builder_.path_.size > path_) builder_.path_.text[--builder_.path_.size] = '\0';
      builder_.task_ = task_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PlanBuilder& builder_;
    int path_, task_;
  };

  /// Names made until the scope ends begin with `name/`, or with `name` and the number.
  constexpr Scope scope(std::string_view name, int number = -1) {
    const int before = path_.size;
    path_.append(name);
    if (number >= 0) path_.append(number);
    path_.append("/");
    return {*this, before, task_};
  }

  /// What is made until the scope ends belongs to `task` alone (shared_by_tasks: to all).
  constexpr Scope owned_by(int task) {
    const int before = task_;
    task_ = task >= 0 && (read_by_others_ >> task & 1U) != 0 ? shared_by_tasks : task;
    return {*this, path_.size, before};
  }

  /// The task that things belong to now, or shared_by_tasks.
  [[nodiscard]] constexpr int owner() const { return task_; }

  /// What is `task`'s own also serves other tasks, so it is shared: until set back. Returns what was set before.
  constexpr bool read_by_others(int task, bool is = true) {
    const std::uint64_t bit = std::uint64_t{1} << task;
    const bool before = (read_by_others_ & bit) != 0;
    read_by_others_ = is ? read_by_others_ | bit : read_by_others_ & ~bit;
    return before;
  }

  /// Notes the first rule that does not hold.
  template <class Rule>
  constexpr void require(bool holds) {
    if (!holds) broken(rule_id<Rule>);
  }
  constexpr void broken(RuleId rule) {
    if (sizes.broken != 0) return;
    sizes.broken = rule;
    sizes.where = path_;
  }

  /// Closes the layout: state after the parameters, both rounded up.
  constexpr void finish() {
    align();
    sizes.parameters = parameters_;
    sizes.parameter_values = parameters_ + state_;
    for (int i = 0; i < sizes.tensors && Tensors > 0; ++i) {
      if (!tensors[static_cast<std::size_t>(i)].trainable) {
        tensors[static_cast<std::size_t>(i)].offset += parameters_;
      }
    }
  }

  /// State offsets are relative until the number of parameters is known, which it is in the second pass.
  Index state_base = 0;

  GateOptions gate_options;
  Block aside;  ///< what a way to share leaves for its own fold_towers

 private:
  constexpr Extent add_tensor(std::string_view name, int rows, int columns, Init init,
                             bool trainable) {
    Index& end = trainable ? parameters_ : state_;
    const Index offset = end;
    ParameterInfo made;
    made.name = path_;
    made.name.append(name);
    made.offset = offset;
    made.rows = rows;
    made.columns = columns;
    made.init = init;
    made.trainable = trainable;
    made.task = task_;
    end += made.size();
    if constexpr (Tensors > 0) tensors[static_cast<std::size_t>(sizes.tensors)] = made;
    return {trainable ? offset : state_base + offset, made.size(), sizes.tensors++, 1};
  }

  Name path_;
  int task_ = shared_by_tasks;
  std::uint64_t read_by_others_ = 0;
  Index parameters_ = 0;
  Index state_ = 0;
};

}  // namespace espalier
