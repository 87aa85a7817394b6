#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SASRec on PyTorch, trained as examples/next_item trains it: the same sequences, loss (softmax over all films, at every
step), width, layers, dropout, batch size, Adam, early stopping. Prints NDCG@10 and recall@10 of the test split; writes each
user's rank. peer_sasrec.py RATINGS_CSV --seeds 5 --ranks FILE"""
import argparse
import csv
import math
import random
import sys
import time
from collections import defaultdict

import torch
from torch import nn
from torch.nn import functional as F

LATEST = 400


def histories(path):
    users = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            users[int(row["userId"])].append((float(row["timestamp"]), int(row["movieId"])))
    return {u: [m for _, m in sorted(h)] for u, h in sorted(users.items()) if len(h) >= 4}


class Layer(nn.Module):
    """x ← LN(x + attention(x)); x ← LN(x + feed_forward(x))."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask):
        b, n, d = x.shape
        q, k, v = (t.view(b, n, self.heads, d // self.heads).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, n, d)
        x = self.ln1(x + self.drop(self.out(y)))
        return self.ln2(x + self.drop(self.down(torch.relu(self.up(x)))))


class SasRec(nn.Module):
    def __init__(self, items, width, depth, heads, dropout):
        super().__init__()
        self.items = nn.Embedding(items + 1, width)
        self.positions = nn.Embedding(LATEST, width)
        self.layers = nn.ModuleList(Layer(width, heads, dropout) for _ in range(depth))
        self.drop = nn.Dropout(dropout)
        for table in (self.items, self.positions):
            nn.init.normal_(table.weight, std=0.01)

    def forward(self, ids):  # padded at the front with 0; positions are counted from the last step
        n = ids.shape[1]
        x = self.drop(self.items(ids) + self.positions(torch.arange(n - 1, -1, -1)))
        causal = torch.ones(n, n, dtype=torch.bool).tril()
        mask = causal & (ids != 0)[:, None, None, :] | torch.eye(n, dtype=torch.bool)
        for layer in self.layers:
            x = layer(x, mask)
        return x


def pad(rows):
    most = max(len(r) for r in rows)
    return torch.tensor([[0] * (most - len(r)) + r for r in rows])


def ranks(model, users, index, batch):
    """Ranks of the last film of each user among those not seen before, ties by row."""
    model.eval()
    found = []
    with torch.no_grad():
        for at in range(0, len(users), batch):
            part = users[at:at + batch]
            seen = [[index.get(m, 0) for m in h[:-1]][-LATEST:] for h in part]
            h = model(pad(seen))[:, -1]
            scores = h @ model.items.weight.T
            scores[:, 0] = -math.inf
            for j, user in enumerate(part):
                own = index.get(user[-1], 0)
                if own == 0:
                    found.append(math.inf)
                    continue
                mine = scores[j, own].item()
                scores[j, [r for r in seen[j] if r != own]] = -math.inf
                ahead = (scores[j] > mine).sum().item() + (scores[j, :own] == mine).sum().item()
                found.append(1 + ahead)
    return found


def ndcg(found, k=10):
    return sum(1 / math.log2(1 + r) for r in found if r <= k) / len(found)


def train(users, index, o, seed):
    random.seed(seed)
    torch.manual_seed(seed)
    model = SasRec(len(index), o.width, o.depth, o.heads, o.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=o.learning_rate)
    learnt = [h[:-2] for h in users]
    valid, test = [h[:-1] for h in users], users
    best, best_state, bad, seconds = -1, None, 0, 0
    for epoch in range(o.epochs):
        model.train()
        order = list(range(len(learnt)))
        random.shuffle(order)
        start = time.time()
        for at in range(0, len(order), o.batch_size):
            rows = [[index[m] for m in learnt[u]][-LATEST - 1:] for u in order[at:at + o.batch_size]]
            ids, targets = pad([r[:-1] for r in rows]), pad([r[1:] for r in rows])
            x = model(ids)
            real = targets != 0
            z = x[real] @ model.items.weight[1:].T
            loss = F.cross_entropy(z, targets[real] - 1, reduction="sum") / len(rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds += time.time() - start
        value = ndcg(ranks(model, valid, index, 128))
        if value > best:
            best, bad = value, 0
            best_state = {k: v.clone() for k, v in model.state_dict().items()}
        else:
            bad += 1
            if bad >= o.patience:
                break
    model.load_state_dict(best_state)
    return ranks(model, test, index, 128), epoch + 1, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ratings")
    parser.add_argument("--ranks")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--heads", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--patience", type=int, default=20)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    by_user = histories(o.ratings)
    users = list(by_user.values())
    counts = defaultdict(int)
    for h in users:
        for m in h[:-2]:
            counts[m] += 1
    index = {m: i + 1 for i, m in enumerate(sorted(counts, key=lambda m: -counts[m]))}
    rows = []
    for seed in range(o.first_seed, o.first_seed + o.seeds):
        found, epochs, seconds = train(users, index, o, seed)
        recall = sum(r <= 10 for r in found) / len(found)
        print(f"seed {seed}: ndcg@10 {ndcg(found):.4f}, recall@10 {recall:.4f}, {epochs} epochs, "
              f"{epochs * len(users) / seconds:.0f} samples a second", flush=True)
        rows += [(seed, u, r) for u, r in zip(by_user, found)]
    if o.ranks:
        with open(o.ranks, "w", newline="") as file:
            csv.writer(file).writerows([("seed", "userId", "rank"), *rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
