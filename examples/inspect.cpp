// SPDX-License-Identifier: Apache-2.0
// Prints what a model file contains, without knowing the model's type: tasks, inputs, vocabularies,
// metrics, tensors. Also reads the state of a run (.resume) and any other safetensors file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/model_content.hpp"
#include "common/tensor_statistics.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/utf8.hpp"
#include "espalier/metrics/report_text.hpp"
#include "espalier/model/checkpoint.hpp"

namespace {

namespace esp = espalier;
using esp::Json;
using examples::Input;
using examples::Line;
using examples::Statistics;
using examples::statistics_of;
using examples::Vocabulary;
using Content = examples::ModelContent;
using Cells = std::vector<std::vector<std::string>>;

/// Text from a file for one terminal line: control characters become '?', text longer than `most`
/// characters is cut.
std::string shown(std::string_view text, std::size_t most = 60) {
  std::string out;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = esp::utf8_length(text, i);
    if (++count > most) return out + "…";
    const auto c = static_cast<unsigned char>(text[i]);
    const bool control = length == 0 || c < 0x20 || c == 0x7f ||
                         (c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0);
    out += control ? "?" : std::string(text.substr(i, length));
    i += (std::max)(length, std::size_t{1});
  }
  return out;
}

/// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string short_number(double value) {
  return std::isfinite(value) ? esp::decimal(value, 5) : std::isnan(value) ? "n/a" : "inf";
}

double number_in(const Json& features, std::string_view key, std::size_t place) {
  const Json* list = features.find(key);
  return list != nullptr && place < list->size() && list->items()[place].is_number()
             ? list->items()[place].as_number()
             : esp::undefined;
}

/// Prints a heading and the rows below it, indented by two spaces, with left-aligned columns;
/// prints nothing if there are no rows.
void print(const std::string& heading, const Cells& cells) {
  if (cells.empty()) return;
  std::cout << '\n' << heading << '\n';
  std::vector<std::size_t> widths;
  for (const auto& row : cells) {
    widths.resize((std::max)(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c)
      widths[c] = (std::max)(widths[c], esp::utf8_count(row[c]));
  }
  for (const auto& row : cells) {
    std::string line = " ";
    for (std::size_t c = 0; c < row.size(); ++c)
      line += " " + row[c] + std::string(widths[c] - esp::utf8_count(row[c]) + 1, ' ');
    std::cout << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  }
}

std::string first_values(const std::vector<std::string>& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size() && i < 5; ++i)
    text += (i > 0 ? ", " : "") + shown(values[i], 20);
  return text + (values.size() > 5 ? ", …" : "");
}

/// Prints metadata of a later version.
void print_unknown(const std::string& name, const Json& value) {
  Cells rows;
  for (std::size_t k = 0; k < value.size(); ++k) {
    rows.push_back({value.is_object() ? shown(value.keys()[k]) : std::to_string(k),
                    shown(value.items()[k].dump(), 100)});
  }
  if (rows.empty()) rows.push_back({shown(value.dump(), 100)});
  print(name, rows);
}

/// What was learnt from a task's labels: the scale of numbers, the names of classes.
std::string label_of(const Json& features, std::size_t task) {
  const Json* const labels = features.find("labels");
  if (labels == nullptr || task >= labels->size()) return {};
  const esp::LabelState label = esp::features_detail::label_from_json(labels->items()[task]);
  if (!label.classes.empty()) return first_values(label.classes);
  if (!label.scale.changes()) return {};
  return std::string(label.scale.log1p ? "log1p, " : "") + "mean " +
         short_number(label.scale.mean) + ", deviation " + short_number(label.scale.deviation);
}

/// Whether print_json() and print_features() print this part of the features in a specific form.
bool is_told(std::string_view key) {
  constexpr std::string_view told[] = {"vocabularies", "means", "deviations",
                                       "lows",         "highs", "labels"};
  return std::find(std::begin(told), std::end(told), key) != std::end(told);
}

void print_features(const Content& content) {
  Cells inputs, vocabularies;
  for (const Input& input : content.inputs) {
    inputs.push_back({shown(input.name), shown(input.text, 100)});
    constexpr std::size_t most = 4;  // the number of vector columns to print
    std::string figures;
    for (std::size_t i = 0; i < input.numeric.size() && i < most; ++i) {
      figures += (i > 0 ? "; " : "") +
                 ("mean " + short_number(number_in(content.features, "means", input.numeric[i]))) +
                 ", deviation " +
                 short_number(number_in(content.features, "deviations", input.numeric[i]));
      if (content.features.find("lows") == nullptr) continue;  // an older file
      figures += ", " + short_number(number_in(content.features, "lows", input.numeric[i])) +
                 " to " + short_number(number_in(content.features, "highs", input.numeric[i]));
    }
    if (!figures.empty())
      inputs.back().push_back(figures + (input.numeric.size() > most ? "; …" : ""));
  }
  for (const Vocabulary& v : content.vocabularies) {
    vocabularies.push_back({shown(v.table),
                            v.values.empty() ? "none"
                                             : grouped(v.values.size()) +
                                                   (v.values.size() == 1 ? " value" : " values"),
                            first_values(v.values)});
  }
  print("inputs", inputs);
  print("vocabularies", vocabularies);
  for (std::size_t i = 0; i < content.features.keys().size(); ++i) {
    const std::string& key = content.features.keys()[i];
    if (!is_told(key) && key != "keys") print_unknown(shown(key), content.features.items()[i]);
  }
}

void print_tensors(const esp::SafetensorsFile& file) {
  Cells rows{{"name", "shape", "type", "values", "least", "mean", "most", "not finite"}};
  for (const esp::TensorInfo& tensor : file.tensors()) {
    const Statistics s = statistics_of(file, tensor);
    const auto figure = [&](double value) {
      return s.any() ? short_number(value) : std::string("n/a");
    };
    rows.push_back({shown(tensor.name), esp::to_string(tensor.shape),
                    std::string(esp::dtype_name(tensor.dtype)), grouped(s.count), figure(s.least),
                    figure(s.mean), figure(s.most), grouped(s.not_finite)});
  }
  print("tensors", rows);
}

void print_text(const esp::SafetensorsFile& file, const Content& content, bool tensors) {
  const std::string what = !content.is_model        ? "a safetensors file"
                           : content.loop.is_null() ? "a model"
                                                    : "the state of a run";
  std::cout << file.path() << ": " << what << ", " << grouped(content.parameters)
            << (content.is_model ? " parameters" : " values") << ", "
            << grouped(file.tensors().size())
            << (file.tensors().size() == 1 ? " tensor" : " tensors") << '\n';
  Cells model, tasks, settings, loop, other;
  for (const Line& line : content.lines) {
    if (line.what == "task") {
      tasks.push_back(
          {shown(line.name), shown(line.text), label_of(content.features, tasks.size())});
    } else if (line.what != "input" && line.what != "tensor") {
      model.push_back({shown(line.title()), shown(line.text, 200)});
    }
  }
  for (const Line& line : content.settings)
    settings.push_back({shown(line.title()), shown(line.text, 100)});
  for (std::size_t i = 0; i < content.loop.size() && content.loop.is_object(); ++i) {
    loop.push_back({shown(content.loop.keys()[i]), shown(content.loop.items()[i].dump())});
  }
  for (const auto& [key, text] : content.other) other.push_back({shown(key), shown(text, 100)});
  print("model", model);
  print("tasks", tasks);
  print_features(content);
  if (content.metrics.epoch > 0) {
    std::cout << "\nmetrics of epoch " << content.metrics.epoch << ", validation split\n"
              << content.metrics.report.to_string();
  }
  print("run", loop);
  print("settings", settings);
  print("metadata", other);
  if (tensors) print_tensors(file);
}

/// {"name", "loss", "label": what was learnt from its labels, and the label rule if the file has
/// it}.
Json task_to_json(const Content& content, const Line& line, std::size_t task) {
  Json made = Json::object().set("name", line.name).set("loss", line.text);
  const Json* const labels = content.features.find("labels");
  Json label = labels != nullptr && task < labels->size() ? labels->items()[task] : Json::object();
  for (const Line& setting : content.settings) {
    if (setting.what == "label of" && setting.name == line.name) label.set("rule", setting.text);
  }
  if (label.size() > 0) made.set("label", std::move(label));
  return made;
}

/// {"name", "kind", "description", "table" of categories, "columns" of numbers with their
/// statistics}.
Json input_to_json(const Content& content, const Input& input) {
  const std::string kind = input.text.substr(0, input.text.find(' '));
  Json made =
      Json::object().set("name", input.name).set("kind", kind).set("description", input.text);
  if (!input.table.empty()) made.set("table", input.table);
  if (input.numeric.empty()) return made;
  Json columns = Json::array();
  for (std::size_t i = 0; i < input.numeric.size(); ++i) {
    const auto figure = [&](const char* list) {
      return number_in(content.features, list, input.numeric[i]);
    };
    const std::string name =
        input.numeric.size() == 1 ? input.name : input.name + "_" + std::to_string(i);
    Json column = Json::object()
                      .set("name", name)
                      .set("mean", figure("means"))
                      .set("deviation", figure("deviations"));
    if (content.features.find("lows") != nullptr)
      column.set("least", figure("lows")).set("most", figure("highs"));
    columns.push(std::move(column));
  }
  return made.set("columns", std::move(columns));
}

void print_json(const esp::SafetensorsFile& file, const Content& content, bool tensors) {
  Json out = Json::object();
  out.set("file", file.path())
      .set("kind", !content.is_model        ? "safetensors"
                   : content.loop.is_null() ? "model"
                                            : "run");
  out.set("parameters", content.parameters);
  Json model = Json::object(), tasks = Json::array(), inputs = Json::array(),
       vocabularies = Json::array(), settings = Json::array();
  for (const Line& line : content.lines) {
    if (line.what == "task") {
      tasks.push(task_to_json(content, line, tasks.size()));
    } else if (line.what != "input" && line.what != "tensor") {
      model.set(line.title(), line.text);
    }
  }
  for (const Input& input : content.inputs) inputs.push(input_to_json(content, input));
  for (const Vocabulary& v : content.vocabularies) {
    Json first = Json::array();
    for (std::size_t i = 0; i < v.values.size() && i < 5; ++i)
      first.push(esp::features_detail::bytes_to_json(v.values[i]));
    vocabularies.push(Json::object()
                          .set("table", v.table)
                          .set("values", v.values.size())
                          .set("first", std::move(first)));
  }
  if (content.is_model)
    out.set("model", std::move(model))
        .set("tasks", std::move(tasks))
        .set("inputs", std::move(inputs))
        .set("vocabularies", std::move(vocabularies));
  for (std::size_t i = 0; i < content.features.keys().size(); ++i) {
    const std::string& key = content.features.keys()[i];
    if (!is_told(key)) out.set(key, content.features.items()[i]);
  }
  if (content.metrics.epoch > 0) out.set("metrics", esp::to_json(content.metrics));
  if (!content.loop.is_null()) out.set("loop", content.loop);
  for (const Line& line : content.settings) settings.push(line.title() + ": " + line.text);
  if (settings.size() > 0) out.set("settings", std::move(settings));
  Json other = Json::object();
  for (const auto& [key, text] : content.other) other.set(key, text);
  out.set("metadata", std::move(other));
  Json list = Json::array();
  for (const esp::TensorInfo& tensor : file.tensors()) {
    Json entry = Json::object();
    entry.set("name", tensor.name)
        .set("shape", Json::array({tensor.shape.begin(), tensor.shape.end()}))
        .set("type", esp::dtype_name(tensor.dtype));
    if (tensors) {
      const Statistics s = statistics_of(file, tensor);
      const auto figure = [&](double value) { return s.any() ? Json(value) : Json(); };
      entry.set("values", s.count)
          .set("least", figure(s.least))
          .set("mean", figure(s.mean))
          .set("most", figure(s.most))
          .set("not_finite", s.not_finite);
    }
    list.push(std::move(entry));
  }
  out.set("tensors", std::move(list));
  std::cout << out.dump() << '\n';
}

/// Prints one vocabulary: one value per line in the order of the table's rows, from row 1; with
/// `json` as an array.
void print_vocabulary(const esp::SafetensorsFile& file, const Content& content,
                      const std::string& name, bool json) {
  std::string table = name, known;
  for (const Input& input : content.inputs) {
    if (input.name == name && !input.table.empty()) table = input.table;
  }
  for (const Vocabulary& v : content.vocabularies) {
    known += (known.empty() ? "'" : ", '") + shown(v.table) + "'";
    if (v.table != table) continue;
    Json list = Json::array();
    for (const std::string& value : v.values) {
      if (json) {
        list.push(esp::features_detail::bytes_to_json(value));
      } else {
        std::cout << shown(value, std::string::npos) << '\n';
      }
    }
    if (json) std::cout << list.dump() << '\n';
    return;
  }
  throw esp::ConfigError(file.path() + ": no vocabulary '" + shown(name) + "', expected one of " +
                         (known.empty() ? "none" : known));
}

}  // namespace

int main(int argc, char** argv) {
  std::string path, vocabulary;
  bool json = false, tensors = false;
  CLI::App app{
      "Prints what a model's file holds: tasks, inputs, vocabularies, metrics, tensors. Also the "
      "state of a run "
      "(.resume), and any safetensors file.",
      "inspect"};
  app.add_option("file", path, "A checkpoint")->required();
  app.add_flag("--tensors", tensors,
               "Every tensor: shape, type, least, mean and largest value, how many are not finite");
  app.add_option("--vocabulary", vocabulary,
                 "The values of this table, or of this input's, and nothing else: one a line, the "
                 "first being row 1");
  app.add_flag("--json", json, "As one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << "inspect: " << error.what() << " (see --help)\n";
    return 1;
  }
  try {
    const esp::SafetensorsFile file(path);
    const Content content(file);
    if (!vocabulary.empty()) {
      print_vocabulary(file, content, vocabulary, json);
    } else if (json) {
      print_json(file, content, tensors);
    } else {
      print_text(file, content, tensors);
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "inspect: " << error.what() << '\n';
    return 1;
  }
}
