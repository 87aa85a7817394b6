// SPDX-License-Identifier: Apache-2.0
// The columns that a schema reads: names, kinds and order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_options.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// Number of columns of a field: one per element of a numeric vector, two for a hashed pair,
/// otherwise one.
[[nodiscard]] constexpr int column_count(const FieldInfo& field) {
  return field.is_numeric() ? field.width : field.second_column.empty() ? 1 : 2;
}

/// Name of the field's i-th column: "age"; "embedding_0", "embedding_1", … for a vector.
[[nodiscard]] std::string column_name(const FieldInfo& field, int i);

/// The columns that a schema's fields read from a table before history inputs are added, in field
/// order, each listed once.
[[nodiscard]] std::vector<CsvColumn> field_columns(const Schema& schema);

/// The names of a schema's columns in the order of a matrix: the fields in order, then the labels
/// in order, each column once.
[[nodiscard]] std::vector<std::string> column_names(const Schema& schema);

/// How the label column of a task is read: as text if its rule compares texts, with inferred kind
/// if classes may have names, otherwise as numbers.
[[nodiscard]] CsvColumn csv_column(const LabelInfo& label);

/// Whether a column may be derived after reading: a label, or a column that history inputs or
/// inputs with Folds use, if no field reads it directly.
[[nodiscard]] bool can_be_derived(const Schema& schema, std::string_view column);

/// Whether history inputs or inputs with Folds average a column as a label, or it tells which past
/// items count, and no field uses it in another way.
[[nodiscard]] bool is_known_later(const Schema& schema, std::string_view column);

/// The columns to read for a schema: numbers for numeric fields and most labels, text for the rest.
/// `also`: further columns to read (for example a time to split by, a user to group by). Throws
/// ConfigError if `also` asks for numbers in a column that the model reads as text: the meaning of
/// 007 must not depend on who reads it.
[[nodiscard]] std::vector<CsvColumn> csv_columns(const Schema& schema,
                                                 const std::vector<CsvColumn>& also = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/schema_columns_definitions.hpp"
#endif
