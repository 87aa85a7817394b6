// SPDX-License-Identifier: Apache-2.0
// Sequences as inputs: Sequence, its layers (Transformer, Hstu, Gru, Lstm, …) and ways to pool its
// steps; histories of a log. Not part of espalier.hpp: programs without them compile faster.
#pragma once

#include "espalier/data/past_items.hpp"
#include "espalier/deploy/next_items.hpp"
#include "espalier/describe/items.hpp"
#include "espalier/describe/past_items.hpp"
#include "espalier/describe/sequence.hpp"
#include "espalier/describe/sequence_layers.hpp"
#include "espalier/espalier.hpp"
#include "espalier/kernels/cpu/attention.hpp"
#include "espalier/kernels/cpu/gru.hpp"
#include "espalier/kernels/cpu/item_softmax.hpp"
#include "espalier/kernels/cpu/lstm.hpp"
#include "espalier/kernels/cpu/segment_pool.hpp"
#include "espalier/kernels/cpu/sinusoids.hpp"
#include "espalier/kernels/cpu/steps.hpp"
#include "espalier/kernels/cpu/target_attention.hpp"
#include "espalier/losses/next_item.hpp"
#include "espalier/ops/add_to_loss.hpp"
#include "espalier/ops/attention.hpp"
#include "espalier/ops/item_softmax.hpp"
#include "espalier/ops/positions.hpp"
#include "espalier/ops/recurrent.hpp"
#include "espalier/ops/steps.hpp"
