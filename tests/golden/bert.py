#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/train/bert_golden.inc: the first and the mean vector of the last layer of a small BERT encoder, by PyPI's
transformers, for some token ids. Weights are 0.3 · sin(0.7 · i + t) for value i of tensor t, gains 1 + that. Needs torch and
transformers."""
import math
import pathlib

import torch
from transformers import BertConfig, BertModel

CONFIG = dict(vocab_size=12, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
              max_position_embeddings=16, type_vocab_size=2, layer_norm_eps=1e-12, hidden_act="gelu")
TEXTS = [[2, 5, 7, 3], [2, 3], [2, 6, 6, 5, 9, 10, 11, 3]]


def names():
    yield from ("embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight",
                "embeddings.token_type_embeddings.weight", "embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias")
    for layer in range(CONFIG["num_hidden_layers"]):
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
                     "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"):
            for kind in ("weight", "bias"):
                yield f"encoder.layer.{layer}.{part}.{kind}"


def main():
    model = BertModel(BertConfig(**CONFIG), add_pooling_layer=False).double().eval()
    state = model.state_dict()
    for t, name in enumerate(names()):
        n = state[name].numel()
        values = torch.tensor([0.3 * math.sin(0.7 * i + t) for i in range(n)], dtype=torch.float64)
        if name.endswith("LayerNorm.weight"):
            values += 1
        state[name] = values.float().double().view(state[name].shape)
    model.load_state_dict(state)
    lines = []
    for ids in TEXTS:
        with torch.no_grad():
            x = model(torch.tensor([ids])).last_hidden_state[0]
        for row in (x[0], x.mean(0)):
            lines.append("{" + ", ".join(f"{v:.9g}" for v in row.tolist()) + "},")
    target = pathlib.Path(__file__).resolve().parent.parent / "train" / "bert_golden.inc"
    target.write_text("// Written by tests/golden/bert.py: first vector and mean of each text.\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
