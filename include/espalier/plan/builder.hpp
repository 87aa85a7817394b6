// SPDX-License-Identifier: Apache-2.0
// `PlanBuilder`: lays out blocks, tensors, tables and operations, in the order of the calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "espalier/plan/plan.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier {

/// Options of softmax gates (describe/sharing/gates.hpp).
struct GateOptions {
  double dropout = 0;
  double load_balance = 0;
  double of_shared_gates = 1;  ///< factor of the load balancing term of gates shared by all tasks
};

/// Used twice at compile time: first to count (empty arrays), then to fill arrays of that size.
template <std::size_t Nodes, std::size_t Tensors, std::size_t Tables, std::size_t Tasks>
class PlanBuilder {
 public:
  std::array<Node, Nodes> nodes{};
  std::array<ParameterInfo, Tensors> tensors{};
  std::array<TableInfo, Tables> tables{};
  std::array<TaskInfo, Tasks> tasks{};
  PlanSizes sizes{};

  /// Allocates a block of `rows` values per step and sample.
  constexpr Block block(int rows, Steps steps = {}, bool gradient = true) {
    const Block made{sizes.values, 0, rows, rows, steps, gradient};
    sizes.values += rows * steps;
    return made;
  }

  /// Adds a matrix of parameters (rows × columns), or a vector if `columns` is 0.
  constexpr Extent tensor(std::string_view name, int rows, int columns, Init init) {
    return add_tensor(name, rows, columns, init, true);
  }

  /// Adds a vector that is saved but not learnt (state). State is stored after all parameters.
  constexpr Extent state(std::string_view name, int rows, Init init) {
    return add_tensor(name, rows, 0, init, false);
  }

  /// Aligns the next tensor to a cache line (16 floats). Tensors added without align() between them
  /// are contiguous; join() combines them.
  constexpr void align() {
    parameters_ = (parameters_ + 15) / 16 * 16;
    state_ = (state_ + 15) / 16 * 16;
  }

  /// Appends `next` to `all`: one wider matrix. `next` must directly follow its last tensor.
  constexpr void join(Extent& all, const Extent& next) {
    if (!all.exists()) {
      all = next;
      return;
    }
    require<detail::TensorsAdjoin>(next.offset == all.offset + all.size &&
                                   next.first == all.first + all.count);
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

  /// Limits the tables of `vocabulary` to `most` rows: the model has parameters for no more.
  constexpr void limit_rows(int vocabulary, int most) {
    for (std::size_t i = 0; i < Tables && i < static_cast<std::size_t>(sizes.tables); ++i) {
      if (tables[i].vocabulary == vocabulary) tables[i].most_rows = most;
    }
  }

  /// Makes the node a lookup, which fills its output: sets its index and its gradient's offset.
  constexpr void add_lookup(Node& node) {
    node.lookup = sizes.lookups++;
    node.lookup_base = sizes.lookup_values;
    sizes.lookup_values += lookup_rows(node) * lookup_steps(node);
  }

  /// Adds an operation and returns its output. Sets `node.op` (from `Op`), name and task.
  template <class Op>
  constexpr Block emit(Node node) {
    node.op = op_id<Op>;
    node.name = path_;
    if (node.name.size > 0) node.name.text[--node.name.size] = '\0';  // removes the trailing '/'
    node.task = task_;
    if constexpr (Nodes > 0) nodes[static_cast<std::size_t>(sizes.nodes)] = node;
    ++sizes.nodes;
    return node.out;
  }

  constexpr void add_task(const TaskInfo& task) {
    if constexpr (Tasks > 0) tasks[static_cast<std::size_t>(sizes.tasks)] = task;
    ++sizes.tasks;
  }

  /// Allocates values that each microbatch computes and that are then merged (batch statistics).
  /// Returns their offset.
  constexpr int scratch(int values) {
    const int at = sizes.scratch;
    sizes.scratch += values;
    return at;
  }

  /// Restores the path and the owner when it is destroyed. Returned by scope() and owned_by().
  class [[nodiscard]] Scope {
   public:
    constexpr Scope(PlanBuilder& builder, int path, int task)
        : builder_(builder), path_(path), task_(task) {}
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

  /// Until the returned scope ends, names begin with `name/`, or `name{number}/` if number ≥ 0.
  constexpr Scope scope(std::string_view name, int number = -1) {
    const int before = path_.size;
    path_.append(name);
    if (number >= 0) path_.append(number);
    path_.append("/");
    return {*this, before, task_};
  }

  /// Until the returned scope ends, everything that is added belongs to `task` alone, or to all
  /// tasks if `task` is shared_by_tasks or marked by read_by_others().
  constexpr Scope owned_by(int task) {
    const int before = task_;
    task_ = task >= 0 && (read_by_others_ >> task & 1U) != 0 ? shared_by_tasks : task;
    return {*this, path_.size, before};
  }

  /// Returns the task that owns what is added now, or shared_by_tasks.
  [[nodiscard]] constexpr int owner() const { return task_; }

  /// Marks whether other tasks also use what belongs to `task`; while marked, owned_by(task) counts
  /// as shared. Returns the previous mark.
  constexpr bool read_by_others(int task, bool is = true) {
    const std::uint64_t bit = std::uint64_t{1} << task;
    const bool before = (read_by_others_ & bit) != 0;
    read_by_others_ = is ? read_by_others_ | bit : read_by_others_ & ~bit;
    return before;
  }

  /// Records the first rule that does not hold.
  template <class Rule>
  constexpr void require(bool holds) {
    if (!holds) broken(rule_id<Rule>);
  }
  constexpr void broken(RuleId rule) {
    if (sizes.broken != 0) return;
    sizes.broken = rule;
    sizes.where = path_;
  }

  /// Finishes the layout: state follows the parameters; both are padded to a multiple of 16.
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

  /// Offset of the state in the parameter buffer. The number of parameters is known only in the
  /// second pass; 0 in the first.
  Index state_base = 0;

  GateOptions gate_options;
  Block aside;  ///< a block that a sharing architecture keeps for its own fold_towers

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
