// SPDX-License-Identifier: Apache-2.0
// A separate file: compiled once for all examples.
#include "common/experiment.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/answers.hpp"
#include "common/comparison.hpp"
#include "common/comparison_log.hpp"
#include "common/options.hpp"
#include "common/search.hpp"
#include "common/transfer.hpp"
#include "espalier/core/file.hpp"
#include "espalier/exec/make_balance.hpp"
#include "espalier/exec/predict.hpp"
#include "espalier/report/explain.hpp"
#include "espalier/train/constants.hpp"

namespace examples {

namespace {

[[nodiscard]] esp::TrainerOptions trainer_options(const Example& example, const Options& o,
                                                  std::uint64_t seed) {
  esp::TrainerOptions t = training_options(example.recipe, o, seed);
  t.optimizer = example.optimizer(o.learning_rate);
  t.balance = o.weights.empty() ? esp::make_balance(o.balance) : esp::FixedWeights{o.weights};
  if (o.precision == "bf16") t.precision = esp::Precision::Bf16;
  t.handle_interrupts = true;
  if (example.adapt) example.adapt(t);
  return t;
}

/// Evaluates the saved model on the test split as a server would load it: with bf16 parameters,
/// half the bytes.
void test_bf16(const NamedModel& model, const std::string& path, const esp::Dataset& test) {
  const esp::PlanPredictor plain(model.program, path);
  const esp::PlanPredictor narrow(model.program, path, esp::Precision::Bf16);
  std::printf("\nparameters kept as bf16: %zu bytes instead of %zu\n", narrow.parameter_bytes(),
              plain.parameter_bytes());
  std::cout << esp::report_of(narrow.plan(), narrow.features().encode(test), narrow.predict(test));
}

/// Whether the data comes from the simulator: its results do not apply to real users.
[[nodiscard]] bool is_simulated(const Splits& splits) {
  return splits[0].table().source.starts_with("simulated feed (seed ");
}

/// The steps for a batch of this data.
[[nodiscard]] std::string explain(const NamedModel& model, const esp::TrainerOptions& options,
                                  const esp::Dataset& train) {
  esp::Features features(model.program.plan.schema);
  features.fit(train);
  return esp::explain(model.program, {.batch_size = (std::min)(options.batch_size, train.size()),
                                      .vocabulary_rows = features.vocabulary_rows(),
                                      .precision = options.precision,
                                      .balance = options.balance,
                                      .balance_on = options.balance_on,
                                      .clip = options.max_gradient_norm > 0});
}

/// The model's trainer on the device of --device.
[[nodiscard]] esp::PlanTrainer trainer_of(const NamedModel& model, const Options& o,
                                          esp::TrainerOptions options) {
  if (o.device == "cpu") return {model.program, std::move(options)};
#if !defined(EXAMPLES_CUDA)
  throw esp::ConfigError(
      "--device cuda: this program was built without espalier::cuda, expected cmake "
      "-DESPALIER_CUDA=ON");
#endif
  if (model.on_gpu == nullptr)
    throw esp::ConfigError("--device cuda: model '" + model.name +
                           "' has an operation that is not on GPUs yet: docs/gpu.md lists them");
  return {model.program, std::move(options), &esp::evaluate<>, model.on_gpu};
}

/// Trains one model. Returns 0, or 130 if interrupted.
int train_one(const Example& example, const Options& o, const NamedModel& model,
              const Splits& splits) {
  if (o.summary) std::cout << model.summary() << '\n';
  esp::TrainerOptions options = trainer_options(example, o, o.seed);
  if (o.explain) std::cout << explain(model, options, splits[0]) << '\n';
  options.checkpoint = o.checkpoint;
  options.resume = o.resume;
  const bool simulated = is_simulated(splits);
  const std::string run = (simulated ? "simulated-" : "") + model.name + "-" + name_of_balance(o) +
                          "-" + std::to_string(o.seed);
  const std::filesystem::path log = o.log.empty()
                                        ? std::filesystem::path("runs") / example.name / run
                                        : std::filesystem::path(o.log);
  esp::make_folders(log.string());
  options.history = (log / "history.jsonl").string();
  options.events = log.string();
  options.curves = (log / "curves.svg").string();
  if (o.diagnose > 0) {
    options.diagnose = (log / "diagnosis.jsonl").string();
    options.diagnose_every = o.diagnose;
  }

  esp::PlanTrainer trainer = trainer_of(model, o, options);
  if (example.before) example.before(trainer);
  const esp::FitResult fit = trainer.fit(splits[0], splits[1]);
  if (fit.interrupted) {
    if (o.checkpoint.empty())
      std::cerr << "interrupted; nothing saved (--checkpoint FILE keeps what is learnt)\n";
    return 130;
  }
  esp::EvaluateOptions evaluate;
  evaluate.resamples = o.resamples;
  const esp::Report test = trainer.evaluate(splits[2], evaluate);
  std::cout << '\n'
            << example.name << ", " << model.name << (simulated ? ", SIMULATED" : "")
            << ": test split, weights of epoch " << fit.best_epoch << " of " << fit.epochs
            << (fit.stopped_early ? " (stopped early)" : "") << '\n'
            << test;
  if (options.precision.reduced() && !o.checkpoint.empty())
    test_bf16(model, o.checkpoint, splits[2]);
  const esp::Report baseline =
      example.baselines ? example.baselines(splits)
                        : esp::constant_report(trainer.plan().schema,
                                               trainer.features().encode_labelled(splits[2]));
  std::cout << "\nwithout a model (" << example.baselines_are << ")\n" << baseline;
  answer(o, trainer, splits[2], example.ids, log);
  if (example.after) example.after(trainer, splits);
  std::printf("\n%.0f samples a second; log and curves in %s\n", fit.samples_per_second,
              log.string().c_str());
  if (!o.checkpoint.empty()) std::printf("saved %s\n", o.checkpoint.c_str());
  if (o.json) {
    nlohmann::ordered_json line;
    line["example"] = example.name;
    line["model"] = model.name;
    line["balance"] = name_of_balance(o);
    line["precision"] = o.precision;
    line["device"] = o.device;
    line["seed"] = o.seed;
    line["epochs"] = fit.epochs;
    line["best_epoch"] = fit.best_epoch;
    line["train_samples_per_second"] = fit.samples_per_second;
    line["tasks"] = to_json(test);
    line["baseline"] = to_json(baseline);
    line["data"] = splits[0].table().source;
    std::cout << line.dump() << '\n';
  }
  return 0;
}

[[nodiscard]] bool picked(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// The models of a comparison or a search: the listed ones, all, or the one of --model.
[[nodiscard]] std::vector<NamedModel> chosen_models(const Options& o,
                                                    const std::vector<NamedModel>& models) {
  std::vector<NamedModel> chosen;
  for (const NamedModel& model : models) {
    if (o.compare_all ||
        (o.compare.empty() ? model.name == o.model : picked(o.compare, model.name)))
      chosen.push_back(model);
  }
  return chosen;
}

/// Trains several models with several balancing methods and seeds, and prints them side by side.
int compare(const Example& example, const Options& o, const std::vector<NamedModel>& chosen,
            const Splits& splits) {
  const bool all_balances = picked(o.compare_balances, "all");
  std::vector<std::string> balances;
  for (const esp::NamedBalance& b : esp::named_balances()) {
    const std::string name(b.name);
    if (all_balances || picked(o.compare_balances, name)) balances.push_back(name);
  }
  if (balances.empty()) balances.push_back(name_of_balance(o));
  const bool simulated = is_simulated(splits);
  const std::filesystem::path folder = o.log.empty()
                                           ? std::filesystem::path("runs") / example.name /
                                                 (simulated ? "simulated-compare" : "compare")
                                           : std::filesystem::path(o.log);
  esp::make_folders(folder.string());
  std::vector<std::string> tasks;
  for (const esp::LabelInfo& label : chosen.at(0).program.plan.schema.labels)
    tasks.emplace_back(label.name);
  nlohmann::ordered_json settings{{"example", example.name},          {"tasks", tasks},
                                  {"rows", splits[0].size()},         {"epochs", o.epochs},
                                  {"patience", o.patience},           {"batch_size", o.batch_size},
                                  {"learning_rate", o.learning_rate}, {"precision", o.precision}};
  if (o.device != "cpu") settings["device"] = o.device;
  if (example.recipe.average) settings["average"] = example.recipe.average->describe();
  if (!o.weights.empty()) settings["weights"] = o.weights;
  if (simulated) settings["data"] = splits[0].table().source;
  if (example.settings) settings.update(example.settings());
  ComparisonLog log(folder / "runs.jsonl", std::move(settings), example.recipe.monitor, o.resume);

  Comparison comparison(example.recipe.monitor);
  const std::size_t total = chosen.size() * balances.size() * static_cast<std::size_t>(o.seeds);
  std::size_t count = 0;
  for (int s = 0; s < o.seeds; ++s) {
    const std::uint64_t seed = o.seed + static_cast<std::uint64_t>(s);
    for (const NamedModel& model : chosen) {
      for (const std::string& balance : balances) {
        const std::string candidate = balances.size() == 1 ? model.name
                                      : chosen.size() == 1 ? balance
                                                           : model.name + " + " + balance;
        ++count;
        if (std::optional<Comparison::Run> known = log.find(model.name, balance, seed)) {
          known->candidate = candidate;
          comparison.add(std::move(*known));
          continue;
        }
        std::cerr << "--- " << candidate << ", seed " << seed << " (" << count << " of " << total
                  << ")\n";
        esp::TrainerOptions options = trainer_options(example, o, seed);
        if (!o.compare_balances.empty()) options.balance = esp::make_balance(balance);
        esp::PlanTrainer trainer = trainer_of(model, o, options);
        if (example.before) example.before(trainer);
        const esp::FitResult fit = trainer.fit(splits[0], splits[1]);
        if (fit.interrupted) {
          std::cerr << "interrupted; --resume goes on from " << (folder / "runs.jsonl").string()
                    << '\n';
          return 130;
        }
        Comparison::Run run{candidate, model.name, balance, seed, trainer.evaluate(splits[2]), fit};
        log.add(run);
        comparison.add(std::move(run));
      }
    }
  }
  std::cout << '\n'
            << example.name << (simulated ? ", SIMULATED" : "")
            << ": test split, mean ± deviation over " << o.seeds << " seeds\n"
            << comparison.table();
  std::cout << "\nbest on the validation split, by " << example.recipe.monitor << ": "
            << comparison.chosen() << "\non the Pareto front of all tasks:";
  for (const std::string& name : comparison.pareto_front()) std::cout << ' ' << name;
  const std::string picture = (folder / "front.svg").string();
  esp::write_file_atomically(
      picture,
      comparison.picture(example.name + ": what is best for one task and another").to_svg());
  std::cout << "\npicture: " << picture << ", every run: " << (folder / "runs.jsonl").string()
            << '\n';
  if (const Transfer transfer(comparison); !transfer.empty()) {
    transfer.write(folder, example.name);
    std::cout << '\n'
              << transfer.table() << "picture and log: " << (folder / "transfer.svg").string()
              << ", transfer.jsonl; TensorBoard: " << (folder / "transfer").string() << '\n';
  }
  if (o.json) {
    nlohmann::ordered_json line;
    line["example"] = example.name;
    line["balance"] = name_of_balance(o);
    line["data"] = splits[0].table().source;
    line["chosen"] = comparison.chosen();
    line["runs"] = nlohmann::ordered_json::array();
    for (const Comparison::Run& run : comparison.runs())
      line["runs"].push_back(to_json(run, example.recipe.monitor));
    std::cout << line.dump() << '\n';
  }
  return 0;
}

}  // namespace

int run(int argc, char** argv, Example example) {
  Options options;
  options.model = example.default_model;
  CLI::App app{example.about, example.name};
  add_options(app, options, example.model_names, example.recipe);
  if (example.more_options) example.more_options(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << example.name << ": " << error.what() << " (see --help)\n";
    return 1;
  }
  try {
    check_together(app, options);
    const std::vector<NamedModel> models = example.models();
    const Splits splits = example.load(options);
    if (options.quiet) {  // otherwise each training prints them
      for (const std::string& note : splits[0].table().notes) std::cerr << note << '\n';
    } else {
      std::fprintf(stderr, "%s: %td rows to train, %td to validate, %td to test\n",
                   splits[0].table().source.c_str(), splits[0].size(), splits[1].size(),
                   splits[2].size());
    }
    const std::vector<NamedModel> chosen = chosen_models(options, models);
    if (chosen.empty()) {
      throw esp::ConfigError(
          (options.compare.empty() ? "--model " + options.model : "--compare-models") +
          ": no such model with these options");
    }
    if (options.search > 0) {
      std::vector<esp::search::NamedModel> searched;
      for (const NamedModel& model : chosen) searched.push_back({model.name, model.program});
      return search(example.name, options, std::move(searched), splits[0],
                    trainer_options(example, options, options.seed), example.optimizer);
    }
    if (compares(options)) return compare(example, options, chosen, splits);
    return train_one(example, options, chosen[0], splits);
  } catch (const std::exception& error) {
    std::cerr << example.name << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace examples
