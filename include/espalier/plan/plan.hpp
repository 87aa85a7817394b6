// SPDX-License-Identifier: Apache-2.0
// The plan: the result of folding a model's type. Plain values, which every executor reads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/segment_pool.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// A short path such as "experts/3/dense0/weight", stored by value to be usable in constants.
struct Name {
  static constexpr int capacity = 111;
  char text[capacity + 1]{};
  int size = 0;

  constexpr Name() = default;
  explicit constexpr Name(std::string_view s) { append(s); }

  constexpr Name& append(std::string_view s) {
    for (const char c : s) {
      if (size == capacity) throw "espalier: a tensor's path is longer than 111 characters";
      text[size++] = c;
    }
    return *this;
  }
  constexpr Name& append(int number) {
    char digits[12]{};
    int n = 0;
    do {
      digits[n++] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    while (n > 0) append(std::string_view(&digits[--n], 1));
    return *this;
  }
  [[nodiscard]] constexpr std::string_view view() const {
    return {text, static_cast<std::size_t>(size)};
  }
};

/// How many steps a sample has in a block: `most` each, or as many as it has values of a
/// categorical field, at most `most`. The steps of a batch follow each other without padding.
struct Steps {
  int most = 1;
  int field = -1;  ///< the categorical field; −1: every sample has `most` steps

  constexpr Steps() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a number of steps is written as one.
  constexpr Steps(int each) : most(each) {}
  constexpr Steps(int at_most, int of_field) : most(at_most), field(of_field) {}

  [[nodiscard]] constexpr bool vary() const { return field >= 0; }
  /// Number of steps that nodes may access separately; all steps of a sequence are accessed alike.
  [[nodiscard]] constexpr int separate() const { return vary() ? 1 : most; }
  // NOLINTNEXTLINE(google-explicit-constructor): sizes are computed with it.
  constexpr operator int() const { return most; }
  friend constexpr bool operator==(const Steps& a, const Steps& b) {
    return a.most == b.most && a.field == b.field;
  }
  friend constexpr bool operator==(const Steps& a, int each) { return !a.vary() && a.most == each; }
};

/// The location of an activation. One step of a sample is `rows` contiguous values; consecutive
/// steps are `stride` values apart; a sample has `steps` steps (1, except for sequences). `base`
/// counts values per sample: in a buffer for `capacity` samples the block starts at
/// base · capacity + row.
struct Block {
  int base = 0;
  int row = 0;
  int rows = 0;
  int stride = 0;
  Steps steps{};
  bool gradient = true;  ///< false: no gradient of it is needed, nothing below it learns from it

  /// Returns rows `first` … `first + count − 1` of this block as a block.
  [[nodiscard]] constexpr Block slice(int first, int count) const {
    Block part = *this;
    part.row += first;
    part.rows = count;
    return part;
  }
  /// Returns the same values as a block through which no gradient flows.
  [[nodiscard]] constexpr Block stopped() const {
    Block same = *this;
    same.gradient = false;
    return same;
  }
  [[nodiscard]] constexpr bool exists() const { return rows > 0; }
  [[nodiscard]] constexpr bool is(int so_many_rows, const Steps& so_many_steps) const {
    return rows == so_many_rows && steps == so_many_steps;
  }
  [[nodiscard]] constexpr bool like(const Block& other) const {
    return is(other.rows, other.steps);
  }
};

/// The operation that a node runs: a hash of the name of its type. (Not an address: with
/// -fsanitize=undefined, GCC cannot compare addresses in constant expressions.)
using OpId = std::uint64_t;

namespace detail {
template <class Op>
constexpr OpId hash_of_type() {
#if defined(_MSC_VER) && !defined(__clang__)
  constexpr std::string_view text = __FUNCSIG__;
#else
  constexpr std::string_view text = __PRETTY_FUNCTION__;
#endif
  OpId hash = 0xCBF29CE484222325ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}
}  // namespace detail

template <class Op>
inline constexpr OpId op_id = detail::hash_of_type<Op>();

inline constexpr int shared_by_tasks = -1;

/// A range of the parameter buffer that a node reads as one array: a tensor, or contiguous tensors
/// that form one wider matrix.
struct Extent {
  Index offset = -1;
  Index size = 0;
  int first = 0;  ///< index of the first tensor in the plan
  int count = 0;  ///< number of tensors

  [[nodiscard]] constexpr bool exists() const { return offset >= 0; }
};

/// One operation. Each operation uses the fields it needs and ignores the others.
struct Node {
  OpId op = 0;
  Name name;
  int task = shared_by_tasks;  ///< the task that owns the node (its tower or gate)
  Block in, in2, out;
  Block cache;                         ///< values that forward stores for backward
  Block room;                          ///< values that it uses while it runs
  std::array<Extent, 4> parameters{};  ///< the parameters that it reads and learns
  Activation activation = Activation::identity;
  int groups = 1;
  /// Index of what is read: a row of the numeric inputs, a categorical field, or a task's labels.
  int field = -1;
  int table = -1;   ///< index of the embedding table
  int loss = -1;    ///< the task to whose loss an auxiliary loss is added
  int lookup = -1;  ///< index among the plan's lookups
  /// Offset of the lookup's gradient, stored for the update of the table, in values per sample.
  int lookup_base = 0;
  /// True: the node scores all rows of its table, and stores what item_row_gradients() needs.
  bool scores_rows = false;
  int draws = 0;             ///< rows that a training step scores; 0: all
  bool looks_ahead = false;  ///< the output of a step depends on later ones
  Pool pool = Pool::none;
  SegmentPool pool_steps = SegmentPool::mean;
  bool from_last = false;  ///< steps are counted, or processed, from a sample's last one
  bool causal = false;     ///< a step attends only to itself and earlier ones
  int distances = 0;       ///< number of distances between steps with a bias of their own
  // Attributes; each operation documents which it reads.
  double dropout_rate = 0;
  double epsilon = 0;         ///< added to a variance
  double scale = 0;           ///< factor of a product
  double loss_weight = 0;     ///< weight of an auxiliary loss
  double min_propensity = 0;  ///< lower bound to which propensities are clipped
  int scratch = -1;           ///< offset of values merged over all microbatches (batch statistics)
  int scratch_size = 0;
  bool accumulate_in = false;  ///< backward adds to in's gradient: another node wrote it before
  bool accumulate_in2 = false;
};

/// What a lookup stores for each column of `lookup_steps()`, for the update of its table.
[[nodiscard]] constexpr int lookup_rows(const Node& node) {
  return node.scores_rows ? node.in.rows + 2 : node.out.rows;
}
[[nodiscard]] constexpr const Steps& lookup_steps(const Node& node) {
  return node.scores_rows ? node.in.steps : node.out.steps;
}

/// How a tensor is initialised. fan_in is the tensor's columns, fan_out its rows.
enum class Init : std::uint8_t {
  automatic,  ///< he_uniform under ReLU-like activations, else glorot_uniform
  zeros,
  ones,
  he_uniform,      ///< U(±√(6 / fan_in)), He et al. 2015
  he_normal,       ///< N(0, 2 / fan_in)
  glorot_uniform,  ///< U(±√(6 / (fan_in + fan_out))), Glorot & Bengio 2010
  glorot_normal,   ///< N(0, 2 / (fan_in + fan_out))
  lecun_normal,    ///< N(0, 1 / fan_in), LeCun et al. 1998
  pytorch,         ///< U(±1 / √fan_in), torch.nn.Linear's default
  embedding,       ///< N(0, 0.01²), for tables
  stitch,          ///< 0.9 on the diagonal, 0.1 spread over the rest of each row
  small,           ///< U(±0.05)
  mean,            ///< 1 / columns: each row of the matrix computes a mean
};

/// A named range of the parameter buffer: a row-major matrix, or a vector when `columns` is 0.
struct ParameterInfo {
  Name name;
  Index offset = 0;
  int rows = 0;
  int columns = 0;
  Init init = Init::zeros;
  bool trainable = true;  ///< false: state, such as a running mean
  int task = shared_by_tasks;

  [[nodiscard]] constexpr Index size() const {
    return static_cast<Index>(rows) * (columns == 0 ? 1 : columns);
  }
};

/// An embedding table: `width` values per row and one row per entry of its vocabulary, which only
/// the data determines.
struct TableInfo {
  Name name;
  int vocabulary = 0;  ///< index of the vocabulary (the Schema's tables in order of first use)
  int width = 0;
  int task = shared_by_tasks;
  int most_rows = 0;  ///< maximum number of rows that the model supports; 0: any number
};

/// One task of the plan.
struct TaskInfo {
  std::string_view name;
  std::string_view loss;
  double weight = 1;
  Block logits;
  int outputs = 1;
  LabelKind label = LabelKind::real;
  int classes = 0;
  Block representation;  ///< the block that its tower reads
  Block output;  ///< what predictions are computed from: the logits, or the vector of NextItem
};

/// The id of a rule: a hash of the name of its type, as OpId is for operations. See plan/rule.hpp.
using RuleId = std::uint64_t;

struct PlanSizes {
  int nodes = 0;
  int tensors = 0;
  int tables = 0;
  int tasks = 0;
  int zeroed = 0;
  int values = 0;              ///< activation values per sample
  Index parameters = 0;        ///< trainable values, including padding
  Index parameter_values = 0;  ///< trainable values and state
  int scratch = 0;             ///< values merged over microbatches
  int lookups = 0;
  int lookup_values = 0;  ///< values per sample of all lookups
  RuleId broken = 0;      ///< the first broken rule; 0: all hold
  Name where;             ///< the layer, task or field that breaks it
};

/// A non-owning view of a plan, for code that is compiled once for all models.
struct PlanView {
  std::string_view model;
  std::span<const Node> nodes;
  std::span<const ParameterInfo> tensors;
  std::span<const TableInfo> tables;
  std::span<const TaskInfo> tasks;
  std::span<const Block> zeroed;  ///< blocks whose gradients are zeroed before the backward pass
  PlanSizes sizes;
  Schema schema;
};

/// The node that computes the loss of a task whose labels are items; null for other tasks.
[[nodiscard]] constexpr const Node* item_node(const PlanView& plan, const TaskInfo& task) {
  for (const Node& node : plan.nodes) {
    if (task.label == LabelKind::item && node.scores_rows && node.out.base == task.logits.base)
      return &node;
  }
  return nullptr;
}

/// Calls visit(index, tensor) for each tensor that the node reads.
template <class Visit>
constexpr void for_each_tensor(const PlanView& plan, const Node& node, Visit visit) {
  for (const Extent& e : node.parameters) {
    for (int t = e.first; t < e.first + e.count; ++t)
      visit(static_cast<std::size_t>(t), plan.tensors[static_cast<std::size_t>(t)]);
  }
}

/// Returns values `begin` … `begin + size − 1` of an extent, with the tensors that overlap them.
[[nodiscard]] constexpr Extent part_of(const PlanView& plan, const Extent& whole, Index begin,
                                       Index size) {
  Extent part{whole.offset + begin, size, whole.first, 0};
  for (int t = whole.first; t < whole.first + whole.count; ++t) {
    const ParameterInfo& tensor = plan.tensors[static_cast<std::size_t>(t)];
    if (tensor.offset + tensor.size() <= part.offset) {
      ++part.first;
    } else if (tensor.offset < part.offset + size) {
      ++part.count;
    }
  }
  return part;
}

}  // namespace espalier
