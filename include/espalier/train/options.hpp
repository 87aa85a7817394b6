// SPDX-License-Identifier: Apache-2.0
// What a Trainer can be told, and what it tells back.
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

/// What a callback sees after each epoch. Setting `stop` ends the training after this epoch.
struct EpochInfo {
  int epoch = 0;  ///< from 1
  double learning_rate = 0;           ///< of its last step
  double train_loss = 0;              ///< weighted sum of the task losses, mean over the epoch
  std::vector<double> task_losses;    ///< mean over the epoch, unweighted
  std::shared_ptr<const Report> validation{};  ///< null without a validation split; a copy of this keeps it
  double validation_loss = 0;         ///< weighted sum of the task losses on the validation split
  double monitored = 0;               ///< the value that early stopping watches
  bool best = false;
  bool stop = false;
};

enum class ShowProgress : std::uint8_t {
  automatic,  ///< a bar on standard error when it is a terminal, lines otherwise
  never,
};

struct TrainerOptions {
  int epochs = 20;
  Index batch_size = 1024;
  Optimizer optimizer = Adam{};
  Schedule schedule = Constant{};
  std::optional<Plateau> plateau{};  ///< the learning rate falls when validation does not get better; besides `schedule`
  double max_gradient_norm = 0;      ///< above 0: gradients are scaled so that their global norm is at most this
  BalanceOption balance = Equal{};   ///< a loss weighting, or a gradient method of balance/
  BalanceOn balance_on = BalanceOn::parameters;  ///< for gradient methods
  std::vector<std::string> freeze{};   ///< patterns of tensors that do not learn: "shared/*", "embedding/*"
  /// Patterns of tensors with a learning rate or a weight decay of their own; of several that fit the first counts.
  std::vector<ParameterGroup> groups{};
  /// Moving average of the weights (EMA): it is what is validated, kept, saved and ended with.
  std::optional<ExponentialAverage> average{};
  std::string sample_weight{};         ///< column of sample weights; none: all one
  LazyFileOption<GroupFunctions> group{};  ///< column (a user, say) for metrics by group
  std::uint64_t seed = 1;
  Precision precision = Precision::Fp32;  ///< of products: kernels/precision.hpp
  int threads = 0;                   ///< 0: as many as there are cores. Results do not depend on it

  /// Early stopping: after `patience` epochs without a better value of `monitor` on the validation split; 0: never.
  int patience = 2;
  /// "loss" (weighted validation loss, lower is better), "mean_auc" (over the binary tasks of a weight above 0), or "task/metric".
  std::string monitor = "loss";
  bool restore_best = true;          ///< end with the weights of the best epoch

  /// File for the model, after each epoch: of the best so far, or without a validation split of the last. All that a run
  /// needs to go on lies beside, in `<file>.resume`.
  LazyFileOption<CheckpointFunctions> checkpoint{};
  bool resume = false;               ///< go on from `<file>.resume` if it is there
  LazyFileOption<HistoryFunctions> history{};  ///< file.jsonl or file.csv: a row per epoch
  LazyFileOption<EventFunctions> events{};     ///< folder for TensorBoard
  LazyFileOption<CurveFunctions> curves{};     ///< file.svg: losses and metrics over epochs
  /// file.jsonl or file.csv: lengths and cosines of the tasks' gradients, and what gates do, in every
  /// `diagnose_every`th step; a picture beside it, file.svg. Learns the same bits.
  LazyFileOption<DiagnoseFunctions<float>> diagnose{};
  int diagnose_every = 100;
  ShowProgress progress = ShowProgress::automatic;
  bool handle_interrupts = false;    ///< SIGINT and SIGTERM: finish the batch, save, return
  std::vector<std::function<void(EpochInfo&)>> callbacks{};
};

struct FitResult {
  int epochs = 0;           ///< run in total, resumed ones included
  int best_epoch = 0;       ///< 0 without a validation split
  double best_value = 0;    ///< of the monitored metric; NaN without a validation split
  bool stopped_early = false;  ///< out of patience, or by a callback
  bool interrupted = false;    ///< by a signal
  double seconds = 0;       ///< of this call's training, evaluation excluded
  double samples_per_second = 0;
};

}  // namespace espalier
