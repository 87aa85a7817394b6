// SPDX-License-Identifier: Apache-2.0
// `Program`: a plan, and the functions that run its nodes and losses on one device. Made for a
// device where its header ops/<device>/program.hpp is included.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "espalier/core/function_ref.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/describe/fold.hpp"
#include "espalier/ops/context.hpp"
#include "espalier/ops/ops.hpp"
#include "espalier/ops/shapes.hpp"
#include "espalier/ops/start_values.hpp"
#include "espalier/ops/traits.hpp"

namespace espalier {

/// What a node that scores all rows of a table has stored in a batch, and the rows that are wanted:
/// those whose number modulo `parts`, a power of two, is `part`.
template <class T>
struct StoredRows {
  const Batch<T>* batch = nullptr;
  const T* lookup_gradients = nullptr;
  Index batch_capacity = 0;
  const T* table = nullptr;
  Index table_rows = 0;
  std::uint64_t key = 0;  ///< of the step
  int part = 0, parts = 1;
};
template <class T>
using AddRow = FunctionRef<void(std::int32_t row, const T* gradient)>;

template <class T, class Device>
struct OperationFunctions {
  using Run = void (*)(const Node&, const Context<T, Device>&);
  /// parts: the scratch of `count` microbatches, `stride` values apart. merged: the result, which
  /// later steps read.
  using Merge = void (*)(const Node&, const T* parts, Index stride, Index count, T* parameters,
                         T* merged);

  using Start = void (*)(const Node&, StartValues<T>&);
  using RowGradients = void (*)(const Node&, const StoredRows<T>&, const AddRow<T>&);

  std::string_view name;
  Run forward = nullptr;
  Run backward = nullptr;
  Cost (*cost)(const Node&) = nullptr;  ///< for one sample
  // Null if the operation does not have it:
  int (*gates)(const Node&) = nullptr;   ///< its output is that many gates, side by side
  Start start = nullptr;                 ///< see StartValues
  RowGradients row_gradients = nullptr;  ///< of a node that scores all rows of a table
  // Run after all microbatches ran this node, before the next node:
  Merge merge_forward = nullptr;
  Merge merge_backward = nullptr;
};

/// The functions of a loss. Specialised for each device, whose header ops/<device>/program.hpp also
/// includes its kernels.
template <class T, class Device>
struct LossFunctions;

template <class T, class Device>
struct Program {
  PlanView plan;
  std::span<const OperationFunctions<T, Device>> operations;  ///< one per node
  std::span<const LossFunctions<T, Device>> losses;           ///< one per task
  std::span<const OperationTraits> traits;                    ///< one per node
};

/// False for an operation that has no kernels for a device.
template <class Op, class Device>
inline constexpr bool runs_on = true;

namespace detail {

template <class Op, class T, class Device>
constexpr OperationFunctions<T, Device> functions_of() {
  using C = Context<T, Device>;
  OperationFunctions<T, Device> f;
  f.name = Op::name;
  f.cost = &Op::cost;
  if constexpr (runs_on<Op, Device>) {
    f.forward = &Op::template forward<C>;
    f.backward = &Op::template backward<C>;
    if constexpr (requires { &Op::template row_gradients<T>; })
      f.row_gradients = &Op::template row_gradients<T>;
  }
  if constexpr (requires { &Op::gates; }) f.gates = &Op::gates;
  if constexpr (requires { &Op::template start<T>; }) f.start = &Op::template start<T>;
  if constexpr (requires { &Op::template merge_forward<T>; })
    f.merge_forward = &Op::template merge_forward<T>;
  if constexpr (requires { &Op::template merge_backward<T>; })
    f.merge_backward = &Op::template merge_backward<T>;
  return f;
}

template <class Model, class T, class Device>
struct Functions {
  static constexpr std::size_t nodes = static_cast<std::size_t>(Fold<Model>::first.nodes);

  template <class... Ops>
  static constexpr std::array<OperationFunctions<T, Device>, nodes> table(TypeList<Ops...>) {
    std::array<OperationFunctions<T, Device>, nodes> made{};
    for (std::size_t i = 0; i < nodes; ++i) {
      const OpId op = Fold<Model>::filled.plan.nodes[i].op;
      ((op == op_id<Ops> ? void(made[i] = functions_of<Ops, T, Device>()) : void()), ...);
    }
    return made;
  }

  template <class... Ops>
  static constexpr std::array<OperationTraits, nodes> traits_table(TypeList<Ops...>) {
    std::array<OperationTraits, nodes> made{};
    for (std::size_t i = 0; i < nodes; ++i) {
      const OpId op = Fold<Model>::filled.plan.nodes[i].op;
      ((op == op_id<Ops> ? void(made[i] = traits_of<Ops>()) : void()), ...);
    }
    return made;
  }

  template <class... Tasks>
  static constexpr std::array<LossFunctions<T, Device>, sizeof...(Tasks)> loss_table(
      TypeList<Tasks...>) {
    return {LossFunctions<T, Device>::template of<typename Tasks::Loss>()...};
  }

  static constexpr auto operations = table(typename Fold<Model>::Operations{});
  static constexpr auto traits = traits_table(typename Fold<Model>::Operations{});
  static constexpr auto losses = loss_table(typename Fold<Model>::TaskList{});
};

}  // namespace detail

namespace detail {

template <class Device, class... Ops>
[[nodiscard]] constexpr bool all_run(TypeList<Ops...>) {
  return (runs_on<Ops, Device> && ...);
}

}  // namespace detail

/// Whether a device has kernels for all operations of a model.
template <class Model, class Device>
inline constexpr bool runs_model_on =
    detail::all_run<Device>(typename detail::Fold<Model>::Operations{});

/// The program of `Model` for scalar `T` on `Device`.
template <class Model, class T, class Device>
[[nodiscard]] constexpr Program<T, Device> program_of() {
  static_assert(runs_model_on<Model, Device>,
                "espalier: the model has an operation that this device cannot run yet: docs/gpu.md "
                "lists them");
  using Shapes = detail::Shapes<Model>;
  Shapes::Rule::template say<Shapes::hold, Shapes::where>();
  return {plan_of<Model>(), detail::Functions<Model, T, Device>::operations,
          detail::Functions<Model, T, Device>::losses, detail::Functions<Model, T, Device>::traits};
}

}  // namespace espalier
