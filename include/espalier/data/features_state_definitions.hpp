// SPDX-License-Identifier: Apache-2.0
// Definitions of features_state.hpp.
#pragma once

#include "espalier/data/features_state.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

namespace features_detail {

ESPALIER_COLD ESPALIER_INLINE Json bytes_to_json(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += "0123456789abcdef"[byte / 16U];
    hex += "0123456789abcdef"[byte % 16U];
  }
  return Json::object().set("hex", std::move(hex));
}

ESPALIER_COLD ESPALIER_INLINE std::string bytes_from_json(const Json& json) {
  if (!json.is_object()) return json.as_string();
  const std::string& hex = json.at("hex").as_string();
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const char* const end = hex.data() + (std::min)(i + 2, hex.size());
    const auto read = std::from_chars(hex.data() + i, end, byte, 16);
    if (read.ec != std::errc() || read.ptr != hex.data() + i + 2)
      throw_error<DataError>({json.dump(), ": expected pairs of hex digits"});
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

ESPALIER_COLD ESPALIER_INLINE Json texts_to_json(const std::vector<std::string>& texts) {
  std::vector<Json> values;
  values.reserve(texts.size());
  for (const std::string& text : texts) values.push_back(bytes_to_json(text));
  return Json::array(std::move(values));
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::string> texts_from_json(const Json& json) {
  std::vector<std::string> texts;
  for (const Json& value : json.items()) texts.push_back(bytes_from_json(value));
  return texts;
}

ESPALIER_COLD ESPALIER_INLINE Json label_to_json(const LabelState& label) {
  Json made = Json::object();
  made.set("log1p", label.scale.log1p);
  made.set("mean", label.scale.mean);
  made.set("deviation", label.scale.deviation);
  made.set("classes", texts_to_json(label.classes));
  made.set("texts", texts_to_json(label.texts));
  return made;
}

ESPALIER_COLD ESPALIER_INLINE LabelState label_from_json(const Json& json) {
  LabelState label;
  label.scale = {json.at("log1p").as_bool(), json.at("mean").as_number(),
                 json.at("deviation").as_number()};
  label.classes = texts_from_json(json.at("classes"));
  label.texts = texts_from_json(json.at("texts"));
  return label;
}

}  // namespace features_detail

ESPALIER_COLD ESPALIER_INLINE Json to_json(const FeaturesState& state) {
  std::vector<Json> vocabularies;
  for (const auto& vocabulary : state.vocabularies)
    vocabularies.push_back(features_detail::texts_to_json(vocabulary));
  std::vector<Json> labels;
  for (const LabelState& label : state.labels)
    labels.push_back(features_detail::label_to_json(label));
  const auto numbers = [](const std::vector<double>& values) {
    return Json::array(std::vector<Json>(values.begin(), values.end()));
  };
  Json made = Json::object();
  made.set("vocabularies", Json::array(std::move(vocabularies)));
  made.set("means", numbers(state.means)).set("deviations", numbers(state.deviations));
  if (!state.lows.empty()) made.set("lows", numbers(state.lows)).set("highs", numbers(state.highs));
  if (std::any_of(state.edges.begin(), state.edges.end(),
                  [](const auto& edges) { return !edges.empty(); })) {
    std::vector<Json> edges;
    for (const std::vector<double>& of_field : state.edges) edges.push_back(numbers(of_field));
    made.set("edges", Json::array(std::move(edges)));
  }
  if (!labels.empty()) made.set("labels", Json::array(std::move(labels)));
  if (!state.tokenizers.empty())
    made.set("tokenizers", features_detail::texts_to_json(state.tokenizers));
  if (state.keyed) made.set("keys", 2);
  return made;
}

ESPALIER_COLD ESPALIER_INLINE FeaturesState features_from_json(const Json& json) {
  FeaturesState state;
  for (const Json& vocabulary : json.at("vocabularies").items()) {
    state.vocabularies.push_back(features_detail::texts_from_json(vocabulary));
  }
  for (const Json& v : json.at("means").items()) state.means.push_back(v.as_number());
  for (const Json& v : json.at("deviations").items()) state.deviations.push_back(v.as_number());
  const auto limits = [&](const char* name, std::vector<double>& values) {
    if (json.find(name) == nullptr) return;
    for (const Json& v : json.at(name).items())
      values.push_back(v.is_null() ? std::nan("") : v.as_number());
  };
  limits("lows", state.lows);
  limits("highs", state.highs);
  if (const Json* edges = json.find("edges")) {
    for (const Json& of_field : edges->items()) {
      state.edges.emplace_back();
      for (const Json& v : of_field.items()) state.edges.back().push_back(v.as_number());
    }
  }
  if (const Json* labels = json.find("labels")) {
    for (const Json& label : labels->items())
      state.labels.push_back(features_detail::label_from_json(label));
  }
  if (const Json* tokenizers = json.find("tokenizers"))
    state.tokenizers = features_detail::texts_from_json(*tokenizers);
  const Json* const keys = json.find("keys");
  if (keys != nullptr && keys->as_integer() != 2) {
    throw_error<DataError>({"features: keys by rule ", keys->dump(), ", expected 2"});
  }
  state.keyed = keys != nullptr;
  return state;
}

}  // namespace espalier
