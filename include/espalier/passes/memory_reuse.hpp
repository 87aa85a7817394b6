// SPDX-License-Identifier: Apache-2.0
// `CompactPlan`: a plan that runs forward only, in as little memory as the lifetimes of its blocks allow.
#pragma once

#include <algorithm>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Nodes of a plan whose blocks share memory where their lifetimes do not overlap: nothing is kept for backward.
struct CompactPlan {
  std::vector<Node> nodes;
  std::vector<Block> logits;
  Index values = 0;  ///< per sample

  ESPALIER_COLD explicit CompactPlan(const PlanView& plan)
      : nodes(plan.nodes.begin(), plan.nodes.end()) {
    struct Life {
      int base, size, first, last, offset;
    };
    std::vector<Life> lives;
    const auto use = [&](const Block& b, int node) {
      if (!b.exists()) return;
      for (Life& life : lives) {
        if (life.base == b.base) {
          life.last = node;
          return;
        }
      }
      lives.push_back({b.base, b.stride * b.steps, node, node, 0});
    };
    for (int i = 0; i < static_cast<int>(nodes.size()); ++i) {
      const Node& n = nodes[static_cast<std::size_t>(i)];
      for (const Block* b : {&n.in, &n.in2, &n.cache, &n.out}) use(*b, i);
    }
    for (const TaskInfo& task : plan.tasks) use(task.logits, static_cast<int>(nodes.size()));
    // First fit, in order of first use.
    for (std::size_t i = 0; i < lives.size(); ++i) {
      bool moved = true;
      while (moved) {
        moved = false;
        for (std::size_t j = 0; j < i; ++j) {
          const bool together = lives[j].last >= lives[i].first;
          if (together && lives[i].offset < lives[j].offset + lives[j].size &&
              lives[j].offset < lives[i].offset + lives[i].size) {
            lives[i].offset = lives[j].offset + lives[j].size;
            moved = true;
          }
        }
      }
      values = (std::max)(values, Index{lives[i].offset} + lives[i].size);
    }
    const auto move = [&](Block& b) {
      for (const Life& life : lives) {
        if (b.exists() && life.base == b.base) {
          b.base = life.offset;
          return;
        }
      }
    };
    for (Node& n : nodes) {
      for (Block* b : {&n.in, &n.in2, &n.cache, &n.out}) move(*b);
    }
    for (const TaskInfo& task : plan.tasks) {
      logits.push_back(task.logits);
      move(logits.back());
    }
  }
};

}  // namespace espalier
