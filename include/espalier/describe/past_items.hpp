// SPDX-License-Identifier: Apache-2.0
// `PastItems`: what a user did before, as the source of a Sequence.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/describe/fields.hpp"
#include "espalier/describe/history.hpp"
#include "espalier/describe/joined_name.hpp"

namespace espalier {

// Options of PastItems.
/// Rows count only from so long after them, in the unit of the time column (seconds if times are
/// texts): feedback takes time to arrive, and training must not read what a server cannot know.
template <std::int64_t Units>
struct Delay {
  static constexpr void apply(FieldInfo& f) { f.history.delay = static_cast<double>(Units); }
};
/// Only rows where this column of numbers is above 0 count: those that were clicked. It may be a
/// label; a server learns it by ServingState::observe_labels().
template <FixedString Column>
struct OnlyWhere {
  static constexpr void apply(FieldInfo& f) { f.history.where = Column.view(); }
};
/// Name of field and column. A model with two histories of the same items names one of them.
template <FixedString Name>
struct Named {
  static constexpr void apply(FieldInfo& f) { f.name = f.column = Name.view(); }
};
/// What separates the items in a cell of the column; it occurs in no item. By default '|'.
template <char Character>
struct Separator {
  static constexpr void apply(FieldInfo& f) { f.separator = Character; }
};

/// The last `Count` items of earlier rows with the same key, the latest last: `Item` of the rows
/// whose `Time` is smaller by Delay or more, and smaller in any case. So neither a row itself nor
/// what was shown at the same moment is in its own history. Rows of the same time are in the order
/// of the table. Rows without a key have no history; rows without an item are in none.
///
/// The items use the table of the candidate: of the field of the same Inputs that reads the column
/// `Item` (or has the table SharedTable<"…">), and are as wide. Field and column are called
/// "past_<item>". Computed as other inputs of earlier rows are: by read_csv<Model> or
/// add_history<Model> for a log, by ServingState for a server. Per key, a state keeps the last
/// `Count` items that count, and what is still within the delay.
///
///     Sequence<PastItems<"user_id", "video_id", "time_ms", 50, Delay<60'000>>, Target<"video_id">>
template <FixedString Key, FixedString Item = "", FixedString Time = "", int Count = 0,
          class... Options>
struct PastItems {
  struct Text {
    static constexpr std::array<std::string_view, 2> parts() { return {"past_", Item.view()}; }
  };
  static constexpr FieldInfo info() {
    FieldInfo f;
    f.name = detail::JoinedName<Text>::view;
    f.column = f.name;
    f.kind = FieldKind::categorical;
    f.pool = Pool::sequence;
    f.most_values = Count;
    f.history.kind = HistoryKind::past_items;
    f.history.keys = By<Key>::columns;
    f.history.item = Item.view();
    f.history.time = Time.view();
    (Options::apply(f), ...);
    return f;
  }
};

}  // namespace espalier
