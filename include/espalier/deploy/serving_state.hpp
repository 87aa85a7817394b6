// SPDX-License-Identifier: Apache-2.0
// `ServingState`: what a served model knows of earlier rows, updated by observed rows.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/named_value.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// The part of a served model that changes; the predictor itself does not. It starts as training
/// left it (PlanPredictor::initial_state()) or as save() wrote it (PlanPredictor::load_state()).
/// Observing a row does the same as training does with the next row of its log: replaying a log
/// gives the same inputs as training, bit for bit. Any number of threads may predict with it at
/// once; observing needs exclusive access, for example by a std::shared_mutex.
///
///     ServingState state = predictor.initial_state();
///     const std::vector<float> p = predictor.predict_row(row, state);
///     state.observe(row);                             // it was shown
///     state.observe_labels(row, {{"is_click", 0}});   // later: no click; other labels are missing
class ServingState {
 public:
  using Values = std::span<const NamedValue>;
  using List = std::initializer_list<NamedValue>;

  /// Called by a predictor. `history`: of the inputs of `features`.
  ServingState(std::shared_ptr<const Features> features, RowHistory history)
      : features_(std::move(features)), history_(std::move(history)) {}

  /// Adds a row: later rows read it. Labels given with it are known at once. `row` is as for
  /// predict_row(). Throws ConfigError for an unknown name, and for a row without day or time; then
  /// nothing has changed.
  void observe(Values row, Values labels = {});
  void observe(Values row, List labels) { observe(row, span_of(labels)); }
  void observe(List row, List labels = {}) { observe(span_of(row), span_of(labels)); }

  /// Adds labels of a row that was observed before; give each label only once.
  void observe_labels(Values row, Values labels);
  void observe_labels(Values row, List labels) { observe_labels(row, span_of(labels)); }
  void observe_labels(List row, List labels) { observe_labels(span_of(row), span_of(labels)); }

  /// Observes all rows of a dataset, in time order, with their labels.
  void observe(const Dataset& data) { history_.add_rows(data.table(), data.rows()); }

  /// Adds the columns of the history inputs to a table of rows that come next, and observes these
  /// rows. For predictions or metrics on a separate file, or for fit() on it. A label without a
  /// column in the table is not known yet. Throws DataError.
  void add_to(Table& table) { history_.add_to(table); }

  /// Writes the state, either completely or not at all. Throws IoError.
  void save(const std::string& path) const;

  [[nodiscard]] const RowHistory& history() const { return history_; }
  [[nodiscard]] const Features& features() const { return *features_; }

 private:
  [[nodiscard]] static Values span_of(List list) { return {list.begin(), list.size()}; }

  /// Labels indexed as HistoryColumns::labels; NaN if not given. Throws ConfigError.
  [[nodiscard]] std::vector<double> label_values(Values labels) const;

  [[noreturn]] void refuse(const std::string& name) const;

  std::shared_ptr<const Features> features_;
  RowHistory history_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/deploy/serving_state_definitions.hpp"
#endif
