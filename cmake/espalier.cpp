// SPDX-License-Identifier: Apache-2.0
// The library behind the target espalier::compiled: what the headers then only declare.
#define ESPALIER_COMPILING_LIBRARY
#include "espalier/espalier.hpp"
#include "espalier/data/past_items.hpp"
#include "espalier/deploy/next_items.hpp"
#include "espalier/exec/make_balance.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/model/encoder_checkpoint.hpp"
#include "espalier/text/tokenizer_file.hpp"
#include "espalier/train/load_encoder.hpp"
