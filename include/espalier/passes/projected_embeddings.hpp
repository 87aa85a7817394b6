// SPDX-License-Identifier: Apache-2.0
// `ProjectedEmbeddings<T>`: multiplies a first layer with small tables per row, not per sample.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/error.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/passes/schedule.hpp"
#include "espalier/passes/small_tables.hpp"

namespace espalier {

/// A layer whose input is a concatenation of lookups is a sum over them. Let W_f be the columns of
/// W for lookup f, E_f its table, x the remaining inputs (numbers, rows of large tables) and W_x
/// their columns:
///
///     W [x; E_1[id_1]; E_2[id_2]; …] = W_x x + Σ_f P_f[id_f]
///     P_f = E_f W_fᵀ, one row per row of the table
///     dW_f = G_fᵀ E_f,  dE_f = G_f W_f,  G_f[r] = Σ δ_j over the samples j whose id_f is r
///
/// If a small table is looked up by a thousand samples, three products per sample are replaced with
/// additions of rows. Tables with very few rows form groups that have one row per combination,
/// Σ_f P_f, so that fewer rows are added. Which tables take part, for which batches, depends only
/// on the plan, the tables' rows and the batch size.
template <class T, class Device = Cpu>
class ProjectedEmbeddings {
 public:
  using C = Context<T, Device>;

  static constexpr std::string_view name = "projected_embeddings";

  ProjectedEmbeddings() = default;

  ESPALIER_COLD ProjectedEmbeddings(const Program<T, Device>& program,
                                    const std::vector<Index>& table_rows, Index max_batch,
                                    Index accumulators, int threads)
      : program_(program),
        nodes_(program.plan.nodes.begin(), program.plan.nodes.end()),
        roles_(nodes_.size(), Role::other) {
    for (const SmallTable& small : choose_small_tables(program.plan, program.traits, table_rows)) {
      const auto rows = static_cast<std::size_t>(table_rows[static_cast<std::size_t>(small.table)]);
      const auto width = static_cast<std::size_t>(
          program.plan.tables[static_cast<std::size_t>(small.table)].width);
      tables_.push_back(
          {small.table, small.group, Buffer<T>(rows * width), std::vector<std::uint8_t>(rows)});
      groups_ = small.group + 1;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (reads_small_tables(nodes_[i])) add_layer(static_cast<Index>(i), table_rows);
    }
    Index largest = 0;
    for (Layer& layer : layers_) {
      layer.deltas = Buffer<T>(static_cast<std::size_t>(layer.out * max_batch));
      layer.weights = Buffer<T>(static_cast<std::size_t>(layer.out * layer.rest));
      for (Index i = 0; i < accumulators; ++i) layer.gradients.push_back(layer.weights);
      for (const Part& part : layer.parts) largest = (std::max)(largest, part.rows * layer.out);
    }
    for (int i = 0; i < threads; ++i) sums_.emplace_back(static_cast<std::size_t>(2 * largest));
  }

  /// Whether the pass is worth it: a batch of `samples` has at least four lookups per row of P.
  [[nodiscard]] bool pays(Index samples) const {
    return lookups_ > 0 && 4 * rows_ <= lookups_ * samples;
  }

  /// Whether node `i` is a layer that this pass replaces if pays().
  [[nodiscard]] bool has_layer(Index i) const {
    return !roles_.empty() && roles_[static_cast<std::size_t>(i)] == Role::layer;
  }

  /// Changes a schedule for batches of `samples`. Its steps refer to this object, which must
  /// outlive it.
  ESPALIER_COLD void apply(ExecutionSchedule<T, Device>& schedule, Index samples) {
    if (!pays(samples)) {
      schedule.notes.push_back({name, false,
                                tables_.empty() ? "no small table is read by a first layer alone"
                                                : "the batch is too small for its tables' rows"});
      return;
    }
    using Scope = typename Step<T, Device>::Scope;
    const auto role = [&](const Step<T, Device>& step) {
      return step.place < 0 ? Role::other : roles_[static_cast<std::size_t>(step.place)];
    };
    std::erase_if(schedule.steps,
                  [&](const Step<T, Device>& step) { return role(step) == Role::skipped; });
    for (Step<T, Device>& step : schedule.steps) {
      if (role(step) == Role::other) continue;
      step.pass = name;
      step.node = &nodes_[static_cast<std::size_t>(step.place)];
      if (role(step) == Role::moved) continue;
      step.operation = nullptr;
      step.state = this;
      step.item = layer_of(step.place);
      const Layer& layer = layers_[static_cast<std::size_t>(step.item)];
      const auto products = 2.0 * static_cast<double>(layer.used * layer.out);
      const auto rows_added =
          static_cast<double>(static_cast<Index>(layer.parts.size()) * layer.out);
      step.flops_of_sample = step.phase == Phase::forward
                                 ? products + rows_added
                                 : products * (layer.rest_learns ? 2 : 1) + rows_added;
      step.run = step.phase == Phase::forward ? &forward : &backward;
    }
    Step<T, Device> added;
    added.scope = Scope::pieces;
    added.pass = name;
    added.state = this;
    added.pieces = groups_ + static_cast<Index>(layers_.size());
    added.name = "multiply tables";
    for (const Layer& layer : layers_) {
      for (const Part& part : layer.parts) {
        for (const Member& m : part.members)
          added.flops_of_batch += 2.0 * static_cast<double>(m.rows * m.width * layer.out);
      }
    }
    added.piece = [](void* state, Index, Index piece, int worker, const WholeBatch<T>& b) {
      static_cast<ProjectedEmbeddings*>(state)->prepare(piece, worker, b.parameters, b.tables);
    };
    schedule.steps.insert(schedule.steps.begin(), added);
    added.phase = Phase::backward;
    added.name = "gradients of tables";
    added.flops_of_batch *= 2;
    added.piece = [](void* state, Index, Index piece, int worker, const WholeBatch<T>& b) {
      static_cast<ProjectedEmbeddings*>(state)->finish(piece, worker, *b.batch, b.parameters,
                                                       b.tables, b.gradient);
    };
    schedule.steps.push_back(added);
    for (const Layer& layer : layers_)
      schedule.summed_parameters.push_back(
          nodes_[static_cast<std::size_t>(layer.node)].parameters[0]);
    schedule.summed_tables.assign(program_.plan.tables.size(), false);
    for (const Table& t : tables_) schedule.summed_tables[static_cast<std::size_t>(t.table)] = true;
    schedule.collect = &collect;
    schedule.collect_state = this;
    schedule.notes.push_back(
        {name, true,
         message({"tables: ", static_cast<Index>(tables_.size()), ", their rows: ", rows_,
                  ", look-ups a sample: ", lookups_})});
  }

  /// Computes P for one group of tables, or copies the columns W_x of one layer.
  void prepare(Index piece, int worker, const T* parameters, const T* const* tables) {
    if (const Index i = piece - groups_; i >= 0) {
      Layer& layer = layers_[static_cast<std::size_t>(i)];
      each_rest(layer, parameters + layer.weight, layer.weights.data(),
                [](const T* from, T* to, Index n) { std::copy_n(from, n, to); });
      return;
    }
    T* const made = sums_[static_cast<std::size_t>(worker)].data();
    for (Layer& layer : layers_) {
      for (Part& part : layer.parts) {
        if (part.group != piece) continue;
        for (const Member& m : part.members) {
          const bool first = &m == &part.members.front();
          T* const to = part.products.data();
          project_rows(Device{}, columns_of(layer, m, parameters), tables[m.table], m.rows,
                       part.members.size() == 1 ? to : made);
          if (part.members.size() == 1) continue;
          for (Index row = 0; row < part.rows; ++row) {
            const T* const product = made + m.row_of(row) * layer.out;
            if (first) {
              std::copy_n(product, layer.out, to + row * layer.out);
            } else {
              add_row(Device{}, product, to + row * layer.out, layer.out);
            }
          }
        }
      }
    }
  }

  /// Forward pass of a layer.
  static void forward(void* state, Index item, const C& c) {
    const auto& self = *static_cast<const ProjectedEmbeddings*>(state);
    const Layer& layer = self.layers_[static_cast<std::size_t>(item)];
    const Node& n = self.nodes_[static_cast<std::size_t>(layer.node)];
    const View<T> y = c.value(n.out), pre = c.value(n.cache), sum = pre.data != nullptr ? pre : y;
    const Index padding = layer.rest - layer.used;
    const View<T> x = c.value(n.in);
    for (Index j = 0; j < c.count && padding > 0; ++j)
      std::fill_n(x.column(j) + layer.used, padding, T{0});
    dense_forward(c.device, layer.weights.data(), c.parameter(n.parameters[1]), rest_of(layer, x),
                  Activation::identity, {}, sum);
    for (Index j = 0; j < c.count; ++j) add_products(layer, c, c.first + j, sum.column(j));
    activation_forward(c.device, n.activation, as_const(sum), y);
  }

  /// Backward pass of a layer. Stores δ for finish().
  static void backward(void* state, Index item, const C& c) {
    auto& self = *static_cast<ProjectedEmbeddings*>(state);
    Layer& layer = self.layers_[static_cast<std::size_t>(item)];
    const Node& n = self.nodes_[static_cast<std::size_t>(layer.node)];
    const View<T> delta{layer.deltas.data() + c.first * layer.out, layer.out, c.count, layer.out};
    activation_backward(c.device, n.activation, as_const(c.value(n.cache)),
                        as_const(c.value(n.out)), as_const(c.gradient(n.out)), delta);
    dense_weight_gradient(c.device, as_const(delta), rest_of(layer, c.value(n.in)),
                          layer.gradients[static_cast<std::size_t>(c.accumulator)].data(),
                          c.parameter_gradient(n.parameters[1]));
    if (!layer.rest_learns) return;
    View<T> dx = c.gradient(n.in);
    dx.rows = layer.rest;
    dense_input_gradient(c.device, layer.weights.data(), as_const(delta), dx, n.accumulate_in);
  }

  /// Computes the gradients of one group of tables and of their columns W_f, or sums those of one
  /// layer's columns W_x over accumulators. Adds gradients of columns to `gradient`, which covers
  /// all dense parameters; keeps those of tables for collect().
  void finish(Index piece, int worker, const Batch<T>& batch, const T* parameters,
              const T* const* tables, T* gradient) {
    if (const Index i = piece - groups_; i >= 0) {
      Layer& layer = layers_[static_cast<std::size_t>(i)];
      for (Buffer<T>& accumulator : layer.gradients) {
        each_rest(layer, gradient + layer.weight, accumulator.data(), [](T* to, T* from, Index n) {
          add_row(Device{}, from, to, n);
          std::fill_n(from, n, T{0});
        });
      }
      return;
    }
    for (Table& t : tables_) {
      if (t.group != piece) continue;
      std::fill(t.touched.begin(), t.touched.end(), std::uint8_t{0});
      t.gradient.fill(T{0});
    }
    T* const sums = sums_[static_cast<std::size_t>(worker)].data();
    for (const Layer& layer : layers_) {
      for (const Part& part : layer.parts) {
        if (part.group != piece) continue;
        T* const rest = sums + part.rows * layer.out;
        std::fill_n(sums, part.rows * layer.out, T{0});
        std::uint8_t touched[most_small_rows]{};
        sum_by_row(part, batch, layer.deltas.data(), layer.out, sums, touched);
        for (const Member& m : part.members) {
          Table& t = tables_[table_of(m.table)];
          T* const own = part.members.size() == 1 ? sums : rest;
          if (own == rest) std::fill_n(rest, m.rows * layer.out, T{0});
          for (Index row = 0; row < part.rows; ++row) {
            if (touched[row] == 0) continue;
            t.touched[static_cast<std::size_t>(m.row_of(row))] = 1;
            if (own == sums) continue;
            add_row(Device{}, sums + row * layer.out, rest + m.row_of(row) * layer.out, layer.out);
          }
          project_weight_gradient(Device{}, own, tables[m.table], m.rows,
                                  columns_of(layer, m, gradient));
          project_row_gradient(Device{}, columns_of(layer, m, parameters), own, m.rows,
                               t.gradient.data());
        }
      }
    }
  }

  /// Writes those of a table's rows part, part + parts, … that the batch touched to `rows`, and
  /// their gradients, which finish() kept, to `sums`.
  static void collect(const void* state, int table, int part, int parts,
                      std::vector<std::int32_t>& rows, T* sums) {
    const auto& self = *static_cast<const ProjectedEmbeddings*>(state);
    const Table& t = self.tables_[self.table_of(table)];
    const auto count = static_cast<std::int32_t>(t.touched.size());
    const Index width = static_cast<Index>(t.gradient.size()) / count;
    rows.clear();
    for (auto row = static_cast<std::int32_t>(part); row < count; row += parts) {
      if (t.touched[static_cast<std::size_t>(row)] == 0) continue;
      sums = std::copy_n(t.gradient.data() + row * width, width, sums);
      rows.push_back(row);
    }
  }

  void poison(T value) {
    for (Layer& layer : layers_) {
      layer.deltas.fill(value);
      for (Part& part : layer.parts) part.products.fill(value);
    }
    for (Buffer<T>& sums : sums_) sums.fill(value);
  }

 private:
  enum class Role : std::uint8_t { other, skipped, moved, layer };

  struct Table {
    int table = 0;
    Index group = 0;
    Buffer<T> gradient;                 ///< rows × width
    std::vector<std::uint8_t> touched;  ///< per row: 1 if the batch has it
  };
  /// One lookup that a layer reads.
  struct Member {
    int table = 0, field = 0;
    Pool pool = Pool::none;
    Index column = 0;  ///< its first column of W
    Index width = 0, rows = 0;
    Index step = 1;  ///< stride, in combinations, between its rows

    [[nodiscard]] Index row_of(Index combination) const { return combination / step % rows; }
  };
  /// The lookups of a layer in tables of one group.
  struct Part {
    Index group = 0;
    std::vector<Member> members;
    Index rows = 1;      ///< number of combinations of the members' rows
    Buffer<T> products;  ///< P, one row of `out` values per combination
  };
  /// Consecutive columns of W.
  struct Run {
    Index column = 0, count = 0;
  };
  struct Layer {
    Index node = 0, in = 0, out = 0, weight = 0;
    std::vector<Part> parts;
    std::vector<Run> runs;             ///< the columns W_x
    Index used = 0;                    ///< number of columns W_x
    Index rest = 0;                    ///< `used`, padded with zeros to whole registers if they fit
    bool rest_learns = false;          ///< whether x has lookups or other trainable inputs
    Buffer<T> weights, deltas;         ///< W_x: out × rest, row-major; δ: out × batch
    std::vector<Buffer<T>> gradients;  ///< of W_x, one per accumulator
  };

  /// Adds node `i` if it reads small tables; its remaining inputs move to the block's first rows.
  ESPALIER_COLD void add_layer(Index i, const std::vector<Index>& table_rows) {
    const Node& n = nodes_[static_cast<std::size_t>(i)];
    Layer layer;
    layer.node = i;
    layer.in = n.in.rows;
    layer.out = n.out.rows;
    layer.weight = n.parameters[0].offset;
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      const Node& from = program_.plan.nodes[k];
      if (!program_.traits[k].is_input || from.out.base != n.in.base) continue;
      if (from.lookup >= 0 && has(from.table)) {
        const Index rows = table_rows[static_cast<std::size_t>(from.table)];
        Part& part = part_for(layer, from);
        part.members.push_back(
            {from.table, from.field, from.pool, from.out.row, from.out.rows, rows, part.rows});
        part.rows *= rows;
        roles_[k] = Role::skipped;
        continue;
      }
      layer.runs.push_back({from.out.row, from.out.rows});
      layer.rest_learns = layer.rest_learns || from.lookup >= 0 || from.parameters[0].exists();
      nodes_[k].out.row = static_cast<int>(layer.used);
      layer.used += from.out.rows;
    }
    if (layer.parts.empty()) return;
    const Index whole = whole_registers<T>(Device{}, layer.used);
    layer.rest = whole <= layer.in ? whole : layer.used;
    for (Part& part : layer.parts) {
      part.products = Buffer<T>(static_cast<std::size_t>(part.rows * layer.out));
      rows_ += part.rows;
      lookups_ += static_cast<Index>(part.members.size());
    }
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      if (program_.traits[k].is_input && nodes_[k].out.base == n.in.base &&
          roles_[k] == Role::other)
        roles_[k] = Role::moved;
    }
    roles_[static_cast<std::size_t>(i)] = Role::layer;
    layers_.push_back(std::move(layer));
  }

  [[nodiscard]] bool has(int table) const { return table_of(table) < tables_.size(); }
  [[nodiscard]] Index layer_of(Index node) const {
    Index i = 0;
    while (layers_[static_cast<std::size_t>(i)].node != node) ++i;
    return i;
  }
  /// Index of a table in tables_, or tables_.size() if it is not small.
  [[nodiscard]] std::size_t table_of(int table) const {
    std::size_t i = 0;
    while (i < tables_.size() && tables_[i].table != table) ++i;
    return i;
  }

  /// Part of the lookup's group; a new one if there is none, or if the table is looked up again.
  [[nodiscard]] Part& part_for(Layer& layer, const Node& lookup) const {
    const Index group = tables_[table_of(lookup.table)].group;
    for (Part& part : layer.parts) {
      if (part.group == group && part.members.front().table != lookup.table) return part;
    }
    layer.parts.push_back({group, {}, 1, {}});
    return layer.parts.back();
  }

  /// The columns of W, or of its gradient, for a lookup.
  template <class W>
  [[nodiscard]] static auto columns_of(const Layer& layer, const Member& m, W* parameters) {
    return layer_columns(Device{}, parameters + layer.weight + m.column, layer.out, m.width,
                         layer.in);
  }
  [[nodiscard]] static View<const T> rest_of(const Layer& layer, View<T> x) {
    return {x.data, layer.rest, x.cols, x.stride};
  }

  /// Calls f(pointer into W, pointer into W_x, number of values) for every run of every row.
  template <class W, class F>
  static void each_rest(const Layer& layer, W* whole, T* rest, F f) {
    for (Index o = 0; o < layer.out; ++o, whole += layer.in, rest += layer.rest) {
      T* to = rest;
      for (const Run& run : layer.runs) {
        f(whole + run.column, to, run.count);
        to += run.count;
      }
    }
  }

  /// y += Σ_f P_f[id_f] for sample j, several rows at a time.
  static void add_products(const Layer& layer, const C& c, Index j, T* y) {
    constexpr int most = 32;
    const T* rows[most];
    int count = 0;
    for (const Part& part : layer.parts) {
      const IdColumn& column = column_of(part, *c.batch);
      const T* const products = part.products.data();
      if (column.offsets == nullptr) {
        rows[count++] = products + combination(part, *c.batch, j) * layer.out;
      } else {
        const std::int32_t begin = column.offsets[j], end = column.offsets[j + 1];
        const T scale = pool_scale<T>(part.members.front().pool, end - begin);
        for (std::int32_t k = begin; k < end; ++k) {
          add_row(c.device, scale, products + column.ids[k] * layer.out, y, layer.out);
        }
      }
      if (count < most) continue;
      add_rows(c.device, rows, count, y, layer.out);
      count = 0;
    }
    add_rows(c.device, rows, count, y, layer.out);
  }

  /// G of a part: sums δ by row of P, and marks the touched rows.
  static void sum_by_row(const Part& part, const Batch<T>& batch, const T* delta, Index width,
                         T* sums, std::uint8_t* touched) {
    const IdColumn& column = column_of(part, batch);
    for (Index j = 0; j < batch.size; ++j, delta += width) {
      if (column.offsets == nullptr) {
        const Index row = combination(part, batch, j);
        touched[row] = 1;
        add_row(Device{}, delta, sums + row * width, width);
        continue;
      }
      const std::int32_t begin = column.offsets[j], end = column.offsets[j + 1];
      const T scale = pool_scale<T>(part.members.front().pool, end - begin);
      for (std::int32_t k = begin; k < end; ++k) {
        touched[column.ids[k]] = 1;
        add_row(Device{}, scale, delta, sums + column.ids[k] * width, width);
      }
    }
  }

  /// Ids of the part's first member. Only the single member of a part may be multi-valued.
  [[nodiscard]] static const IdColumn& column_of(const Part& part, const Batch<T>& batch) {
    return batch.ids[static_cast<std::size_t>(part.members.front().field)];
  }

  [[nodiscard]] static Index combination(const Part& part, const Batch<T>& batch, Index j) {
    Index row = 0;
    for (const Member& m : part.members)
      row += batch.ids[static_cast<std::size_t>(m.field)].ids[j] * m.step;
    return row;
  }

  Program<T, Device> program_;
  std::vector<Node> nodes_;  ///< of the plan, with moved inputs at their new rows
  std::vector<Role> roles_;  ///< one per node
  std::vector<Table> tables_;
  std::vector<Layer> layers_;
  std::vector<Buffer<T>> sums_;  ///< one per thread: G of a part, then of one of its members
  Index groups_ = 0, rows_ = 0, lookups_ = 0;
};

}  // namespace espalier
