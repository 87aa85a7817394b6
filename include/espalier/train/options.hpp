// SPDX-License-Identifier: Apache-2.0
// The options of a Trainer, and the information that it returns.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "espalier/balance/equal.hpp"
#include "espalier/balance/uncertainty.hpp"
#include "espalier/exec/balance_option.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/optim/adam.hpp"
#include "espalier/optim/exponential_average.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/optim/plateau.hpp"
#include "espalier/optim/schedule.hpp"
#include "espalier/report/lazy_file_option.hpp"

namespace espalier {

/// What a callback receives after each epoch. If it sets `stop`, training ends after this epoch.
struct EpochInfo {
  int epoch = 0;                    ///< from 1
  double learning_rate = 0;         ///< of the last step of the epoch
  double train_loss = 0;            ///< weighted sum of the task losses, mean over the epoch
  std::vector<double> task_losses;  ///< mean over the epoch, unweighted
  /// Null without a validation split; a copy of the pointer keeps the report.
  std::shared_ptr<const Report> validation{};
  double validation_loss = 0;  ///< weighted sum of the task losses on the validation split
  double monitored = 0;        ///< the value that early stopping watches
  bool best = false;
  bool stop = false;
};

enum class ShowProgress : std::uint8_t {
  automatic,  ///< a bar on standard error if it is a terminal, otherwise lines
  never,
};

struct TrainerOptions {
  int epochs = 20;
  Index batch_size = 1024;
  Optimizer optimizer = Adam{};
  Schedule schedule = Constant{};
  /// Reduces the learning rate if validation does not improve; multiplies the rate of `schedule`.
  std::optional<Plateau> plateau{};
  /// If above 0, gradients are scaled so that their global norm is at most this.
  double max_gradient_norm = 0;
  BalanceOption balance = Equal{};  ///< a loss weighting, or a gradient method of balance/
  BalanceOn balance_on = BalanceOn::parameters;  ///< for gradient methods
  /// Patterns of tensors that are not trained: "shared/*", "embedding/*".
  std::vector<std::string> freeze{};
  /// Patterns of tensors with a learning rate or a weight decay of their own; the first pattern
  /// that matches is used.
  std::vector<ParameterGroup> groups{};
  /// Moving average of the weights (EMA): these weights are validated, kept, saved, and in place at
  /// the end.
  std::optional<ExponentialAverage> average{};
  std::string sample_weight{};             ///< column of sample weights; empty: all weights are 1
  LazyFileOption<GroupFunctions> group{};  ///< column (for example the user) for grouped metrics
  std::uint64_t seed = 1;
  Precision precision = Precision::Fp32;  ///< of matrix products; see kernels/precision.hpp
  int threads = 0;                        ///< 0: the number of cores. Does not affect the results

  /// Early stopping: stops after `patience` epochs without a better value of `monitor` on the
  /// validation split; 0: never.
  int patience = 2;
  /// "loss" (weighted validation loss, lower is better), "mean_auc" (over the binary tasks of
  /// positive weight), or "task/metric".
  std::string monitor = "loss";
  bool restore_best = true;  ///< whether to end with the weights of the best epoch

  /// File of the model, written after each epoch: the best one so far, or the last one without a
  /// validation split. Everything that is needed to resume the run is in `<file>.resume` next to
  /// it.
  LazyFileOption<CheckpointFunctions> checkpoint{};
  bool resume = false;                         ///< continue from `<file>.resume` if it exists
  LazyFileOption<HistoryFunctions> history{};  ///< file.jsonl or file.csv: one row per epoch
  LazyFileOption<EventFunctions> events{};     ///< folder for TensorBoard
  LazyFileOption<CurveFunctions> curves{};     ///< file.svg: losses and metrics over the epochs
  /// file.jsonl or file.csv: norms and cosines of the tasks' gradients, and the use of the gates,
  /// in every `diagnose_every`th step; an image next to it, file.svg. Does not change the trained
  /// weights by a single bit.
  LazyFileOption<DiagnoseFunctions<float>> diagnose{};
  int diagnose_every = 100;
  ShowProgress progress = ShowProgress::automatic;
  bool handle_interrupts = false;  ///< on SIGINT and SIGTERM: finish the batch, save, return
  std::vector<std::function<void(EpochInfo&)>> callbacks{};
};

struct FitResult {
  int epochs = 0;              ///< total number, including those before a resume
  int best_epoch = 0;          ///< 0 without a validation split
  double best_value = 0;       ///< of the monitored metric; NaN without a validation split
  bool stopped_early = false;  ///< by patience or by a callback
  bool interrupted = false;    ///< by a signal
  double seconds = 0;          ///< training time of this call, without evaluation
  double samples_per_second = 0;
};

}  // namespace espalier
