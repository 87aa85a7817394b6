// SPDX-License-Identifier: Apache-2.0
// `ModelContent`: what a model file says of itself, parsed without knowing the model's type.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/model/checkpoint.hpp"

namespace examples {

namespace esp = espalier;
using esp::Json;

/// A line of a description: "input 'age': numeric × 1" gives {"input", "age", "numeric × 1"};
/// "sharing: …" has no name.
struct Line {
  std::string what, name, text;

  [[nodiscard]] std::string title() const { return name.empty() ? what : what + " '" + name + "'"; }
};

inline std::vector<Line> lines_of(std::string_view description) {
  std::vector<Line> lines;
  for (std::size_t at = 0; at < description.size();) {
    const std::size_t end = (std::min)(description.find('\n', at), description.size());
    const std::string_view line = description.substr(at, end - at);
    at = end + 1;
    const std::size_t open = line.find(" '"), close = line.find("': ");
    if (const std::size_t colon = line.find(": ");
        open != std::string_view::npos && open < colon && close != std::string_view::npos) {
      lines.push_back({std::string(line.substr(0, open)),
                       std::string(line.substr(open + 2, close - open - 2)),
                       std::string(line.substr(close + 3))});
    } else {
      const std::size_t cut = (std::min)(colon, line.size());
      lines.push_back({std::string(line.substr(0, cut)), "",
                       cut < line.size() ? std::string(line.substr(cut + 2)) : ""});
    }
  }
  return lines;
}

struct Input {
  std::string name, text, table;
  std::vector<std::size_t> numeric;  ///< indices of its columns in the list of means
};

inline std::vector<Input> inputs_of(const std::vector<Line>& lines) {
  std::vector<Input> inputs;
  std::size_t numeric = 0;
  for (const Line& line : lines) {
    if (line.what != "input") continue;
    Input input{line.name, line.text, "", {}};
    constexpr std::string_view numbers = "numeric × ", table = ", table '";
    if (line.text.starts_with(numbers)) {
      for (long width = std::strtol(line.text.c_str() + numbers.size(), nullptr, 10); width > 0;
           --width) {
        input.numeric.push_back(numeric++);
        if (numeric > 10'000'000)
          throw esp::CheckpointError("the description has more than 10,000,000 numbers");
      }
    } else if (const std::size_t at = line.text.find(table); at != std::string::npos) {
      const std::size_t begin = at + table.size();
      input.table = line.text.substr(begin, line.text.find('\'', begin) - begin);
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

struct Vocabulary {
  std::string table;
  std::vector<std::string> values;
};

/// The vocabularies in order of the tables' first use.
inline std::vector<Vocabulary> vocabularies_of(const std::vector<Input>& inputs,
                                               const Json& features) {
  std::vector<Vocabulary> made;
  const Json* lists = features.find("vocabularies");
  if (lists == nullptr) return made;
  for (const Input& input : inputs) {
    const auto same = [&](const Vocabulary& v) { return v.table == input.table; };
    if (!input.table.empty() && std::none_of(made.begin(), made.end(), same))
      made.push_back({input.table, {}});
  }
  for (std::size_t i = 0; i < lists->size(); ++i) {
    if (i >= made.size()) made.push_back({"#" + std::to_string(i), {}});
    for (const Json& value : lists->items()[i].items())
      made[i].values.push_back(esp::features_detail::bytes_from_json(value));
  }
  return made;
}

/// The parsed content of a file.
struct ModelContent {
  explicit ModelContent(const esp::SafetensorsFile& file) {
    const auto json = [&](std::string_view key) {
      return file.find_metadata(key) == nullptr
                 ? Json()
                 : esp::checkpoint_detail::read_json(file, key, [](Json parsed) { return parsed; });
    };
    if (const std::string* text = file.find_metadata("description")) lines = lines_of(*text);
    is_model = !lines.empty();
    features = json("features");
    loop = json("loop");
    inputs = inputs_of(lines);
    vocabularies = vocabularies_of(inputs, features);
    metrics = esp::load_metrics(file);
    for (const auto& [key, text] : file.metadata()) {
      const bool known = key == "description" || key == "features" || key == "loop" ||
                         key == "metrics" || key == "settings";
      if (!known) other.emplace_back(key, text);
    }
    if (const std::string* text = file.find_metadata("settings")) settings = lines_of(*text);
    for (const esp::TensorInfo& tensor : file.tensors()) {
      // The state of a run beyond the model.
      const bool state = !loop.is_null() &&
                         (tensor.name == "loop" || tensor.name == "balance" ||
                          tensor.name.starts_with("best/") || tensor.name.starts_with("optimizer"));
      if (!state) parameters += tensor.elements();
    }
  }

  std::vector<Line> lines, settings;
  std::vector<Input> inputs;
  std::vector<Vocabulary> vocabularies;
  Json features, loop;
  esp::SavedMetrics metrics;
  std::vector<std::pair<std::string, std::string>> other;
  std::uint64_t parameters = 0;
  bool is_model = false;
};

}  // namespace examples
