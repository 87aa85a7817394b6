#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An epoch of examples/short_video (as it was at commit 71a1ad2, --model shared --without-history) in PyTorch: as many rows and fields, vocabularies of
the same sizes, values made up. Forms: plain, an nn.Embedding for each field; one_table, all fields in one table and one
look-up; compiled, one_table through torch.compile. Batches are gathered from tensors in memory by a shuffled index (no
DataLoader, which would be slower). Prints samples a second for each form, best of the epochs.

    epoch_pytorch.py [--threads N] [--epochs N] [--batch-size N]
    build/examples/short_video --model shared --without-history --threads N     says the same of espalier, built at that commit"""
import argparse
import time

import torch
from torch import nn
from torch.nn import functional as F

ROWS, WIDTH = 171671, 8
FIELDS = [26000, 7500, 15, 24, 9, 2, 2, 2, 8, 9, 7, 8] + [2, 7, 50, 1471, 15, 34, 3, 118, 454, 7, 5, 5, 3, 2, 2, 2, 2, 2] + [6800, 3, 30, 2, 60]
TAGS, MOST_TAGS = 60, 3


class Model(nn.Module):
    def __init__(self, one_table):
        super().__init__()
        self.one_table = one_table
        sizes = FIELDS + [TAGS]
        if one_table:
            self.table = nn.Embedding(sum(sizes), WIDTH)
            self.register_buffer("starts", torch.tensor([0] + sizes[:-2]).cumsum(0))
            self.tags_start = sum(sizes[:-1])
        else:
            self.tables = nn.ModuleList(nn.Embedding(n, WIDTH) for n in FIELDS)
            self.tags = nn.Embedding(TAGS, WIDTH)
        inputs = (len(FIELDS) + 1) * WIDTH + 1
        self.encoder = nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 64), nn.ReLU())
        self.towers = nn.ModuleList(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)) for _ in range(3))

    def forward(self, ids, tags, known, number):
        if self.one_table:
            fields = self.table(ids + self.starts).flatten(1)
            words = self.table(tags + self.tags_start)
        else:
            fields = torch.cat([table(ids[:, i]) for i, table in enumerate(self.tables)], 1)
            words = self.tags(tags)
        mean = (words * known.unsqueeze(2)).sum(1) / known.sum(1, keepdim=True).clamp(min=1)
        h = self.encoder(torch.cat([fields, mean, number], 1))
        return [tower(h).squeeze(1) for tower in self.towers]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=1024)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    ids = torch.stack([torch.randint(n, (ROWS,)) for n in FIELDS], 1)
    tags = torch.randint(TAGS, (ROWS, MOST_TAGS))
    known = (torch.rand(ROWS, MOST_TAGS) < torch.tensor([1.0, 0.5, 0.1])).float()
    number = torch.randn(ROWS, 1)
    labels = torch.stack([(torch.rand(ROWS) < 0.45).float(), (torch.rand(ROWS) < 0.3).float(), torch.randn(ROWS)], 1)
    for form in ("plain", "one_table", "compiled"):
        model = Model(form != "plain")
        run = torch.compile(model) if form == "compiled" else model
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        best = 0.0
        for _ in range(options.epochs + (form == "compiled")):
            begin, order = time.perf_counter(), torch.randperm(ROWS)
            for at in range(0, ROWS, options.batch_size):
                rows = order[at:at + options.batch_size]
                click, long_view, watch = run(ids[rows], tags[rows], known[rows], number[rows])
                y = labels[rows]
                loss = (F.binary_cross_entropy_with_logits(click, y[:, 0]) + F.binary_cross_entropy_with_logits(long_view, y[:, 1])
                        + 0.25 * F.mse_loss(watch, y[:, 2]))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
            best = max(best, ROWS / (time.perf_counter() - begin))
        print(f"{form}: {best:.0f} samples a second", flush=True)


if __name__ == "__main__":
    main()
