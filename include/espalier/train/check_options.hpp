// SPDX-License-Identifier: Apache-2.0
// Checks of the trainer options before training.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/data/table.hpp"
#include "espalier/model/resume.hpp"
#include "espalier/train/options.hpp"

namespace espalier {

/// A file that a run writes, and the name of its option.
struct NamedFile {
  std::string_view what;
  std::string path;
};

[[nodiscard]] ESPALIER_COLD inline std::vector<NamedFile> output_files(const TrainerOptions& o) {
  std::vector<NamedFile> files{{"checkpoint", o.checkpoint.text()},
                               {"history", o.history.text()},
                               {"curves", o.curves.text()},
                               {"diagnose", o.diagnose.text()}};
  if (const std::string& diagnose = o.diagnose.text(); !diagnose.empty())
    files.push_back({"the picture of diagnose", with_ending(diagnose, ".svg")});
  if (!o.checkpoint.empty()) files.push_back({"resume", resume_path(o.checkpoint)});
  std::erase_if(files, [](const NamedFile& file) { return file.path.empty(); });
  return files;
}

/// Throws ConfigError, naming the option, its value and what is expected.
ESPALIER_COLD inline void check_options(const TrainerOptions& o) {
  const auto within = [](std::string_view name, double value, double least, double most) {
    if (value >= least && value <= most) return;
    throw_error<ConfigError>({name, " is ", number_text(value), ", expected ", number_text(least),
                              (most < 1e9 ? " to " + number_text(most) : " or more")});
  };
  constexpr double any = std::numeric_limits<double>::infinity();
  within("epochs", o.epochs, 1, any);
  within("batch_size", static_cast<double>(o.batch_size), 1, any);
  within("threads", o.threads, 0, 1024);
  within("patience", o.patience, 0, any);
  within("diagnose_every", o.diagnose_every, 1, any);
  within("max_gradient_norm", o.max_gradient_norm, 0, any);
  static_cast<void>(group_rules(o.optimizer, o.groups));
  if (o.average) o.average->check();
  if (o.plateau) {
    o.plateau->check();
    if (o.patience > 0 && o.plateau->patience >= o.patience) {
      throw_error<ConfigError>({"plateau: patience is ", o.plateau->patience,
                                ", expected less than that of early stopping, ", o.patience,
                                ", which ends the run before the learning rate falls"});
    }
  }
  const std::string_view curves = o.curves.text();
  const auto is_table = [](std::string_view what, std::string_view file) {
    if (file.empty() || file.ends_with(".jsonl") || file.ends_with(".csv")) return;
    throw_error<ConfigError>(
        {what, " file '", file, "': expected a name that ends in .csv or .jsonl"});
  };
  is_table("history", o.history.text());
  is_table("diagnose", o.diagnose.text());
  if (!curves.empty() && !curves.ends_with(".svg")) {
    throw_error<ConfigError>(
        {"curves file '", o.curves.text(), "': expected a name that ends in .svg"});
  }
  require_aggregator_factory(o.balance);
  const std::vector<NamedFile> files = output_files(o);
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (files[i].path != files[j].path) continue;
      throw_error<ConfigError>({files[j].what, " and ", files[i].what, " are both '", files[i].path,
                                "', expected files of their own"});
    }
  }
  if (o.resume && o.checkpoint.empty())
    throw ConfigError("resume is set, but no checkpoint to resume from");
}

/// Creates the folders of all output files, so that errors appear before training. Throws IoError
/// if a folder cannot be created or an output file is itself a folder.
ESPALIER_COLD inline void make_folders_of(const TrainerOptions& o) {
  for (const NamedFile& file : output_files(o)) {
    std::string folder = file_detail::split(file.path).folder;
    if (folder.size() > 1) folder.pop_back();
    if (!folder.empty()) make_folders(folder);
    if (is_folder(file.path))
      throw_error<IoError>({file.what, " file '", file.path, "' is a folder"});
  }
  if (!o.events.empty()) make_folders(o.events);
}

/// Throws IoError if an output file cannot be written, before the first epoch instead of after it.
ESPALIER_COLD inline void require_writable_files(const TrainerOptions& o) {
  for (const NamedFile& file : output_files(o)) require_writable(file.path);
  if (!o.events.empty())
    require_writable(o.events.text() + (o.events.text().ends_with('/') ? "" : "/") + "events");
}

}  // namespace espalier
