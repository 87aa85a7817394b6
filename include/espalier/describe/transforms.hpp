// SPDX-License-Identifier: Apache-2.0
// Transforms of a number before a model reads it as an input or learns it as a label.
#pragma once

#include <cstddef>

#include "espalier/core/type_list.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

namespace detail {
/// Adds a transform. One beyond the maximum is only counted; the rule TransformCount reports it.
constexpr void add_transform(FieldInfo& f, Transform t) {
  const auto at = static_cast<std::size_t>(f.transform_count++);
  if (at < FieldInfo::max_transforms) f.transforms[at] = t;
}
}  // namespace detail

struct Log1p {  ///< sign(x) · log(1 + |x|)
  static constexpr void apply(FieldInfo& f) {
    detail::add_transform(f, {TransformKind::log1p, 0, 0});
  }
  static constexpr void apply(LabelInfo& l) { l.log1p = true; }
  static constexpr bool transforms = true;
};
struct Standardize {  ///< (x − mean) / standard deviation, both of the training split
  static constexpr void apply(FieldInfo& f) {
    detail::add_transform(f, {TransformKind::standardize, 0, 0});
  }
  static constexpr void apply(LabelInfo& l) { l.standardize = true; }
  static constexpr bool transforms = true;
};
struct AsIs {  ///< the unchanged number
  static constexpr void apply(FieldInfo&) {}
  static constexpr void apply(LabelInfo&) {}
  static constexpr bool transforms = true;
};

/// Bounds for Clip.
struct Range {
  double low = 0;
  double high = 0;
};
template <Range R>
struct Clip {  ///< min(max(x, low), high); for inputs only
  static constexpr void apply(FieldInfo& f) {
    detail::add_transform(f, {TransformKind::clip, R.low, R.high});
  }
  static constexpr bool transforms = true;
};

namespace detail {

template <class Rule>
inline constexpr bool is_transform = requires {
  requires Rule::transforms;
};

/// Applies the options; if none of them is a transform, also the `Usual` ones.
template <class... Usual, class... Options>
constexpr void apply_options(FieldInfo& f, TypeList<Usual...>, TypeList<Options...>) {
  (Options::apply(f), ...);
  if constexpr (!(is_transform<Options> || ...)) (Usual::apply(f), ...);
}

}  // namespace detail
}  // namespace espalier
