#!/usr/bin/env python3
"""Trains the model that turns evidence into a confidence, and shows how right it is on cases it has not seen.

usage: train_confidence.py SECRETS --corpus dev.jsonl.gz [--noise FOLDER…] [--write matchers/secret/rules/model.yaml]

SECRETS is build/…/tests/support/bin/secrets, which prints the features of each hit (matchers/secret/secret_score.h says what they are). A hit of the
corpus is right in a positive case when it covers what the case expects, or, where the case does not say, when its provider is the case's; it is
wrong in a negative case when its provider is the case's, or `generic`. Other hits say nothing and are left out. In FOLDER lie packages that hold
no secret (scripts/noise.py --keep): every hit there is wrong.

The model is a logistic one: log odds = bias + sum of weight * (feature - mean) + the rule's own offset. The rule's confidence is a feature whose
weight is drawn towards 1, an offset is drawn towards 0 the more the fewer cases its rule has: without cases a rule keeps what its author thought.
Numbers are written in thousandths. Without FOLDER there is no noise to learn from: only the tables are printed, for the corpus alone. The table is of five-fold cross-validation; one secret's hits all lie in one fold.
"""
import argparse
import collections
import gzip
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("SKIP confidence table: no numpy")
    sys.exit(0)

NAMES = ("rule path generic opaque passed failed entropy words sequence period length stopword context named quoted long-line comment hashed local-host "
         "hex uuid decodes call").split()
WORDS = NAMES.index("words")
CLASSES = 37
NOISE_WEIGHT, NEGATIVE_WEIGHT = 2.0, 1.0  # what a layer is full of counts for more than what corpora collect
PRIOR_PULL, WEIGHT_PULL, OFFSET_PULL = 30.0, 3.0, 0.5
# The corpus has no paths, packages have: what a path of tests says cannot be learned from them, and is nearly given.
PATH_ODDS, PATH_PULL = -1.5, 100.0
FOLDS = 5


def squash(text):
    return "".join(c for c in (text or "").lower() if c.isalnum())


def is_same(case, hit):
    want = {squash(case["provider"]), squash(case.get("service"))} - {""}
    got = {squash(hit["provider"]), squash(hit["rule"])}
    return any(w in g or g in w for w in want for g in got)


def hits_of(tool, folders):
    run = subprocess.run([tool, *folders], stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in run.stdout.decode("utf-8", "replace").splitlines()]


def corpus_hits(tool, path):
    """(hit, right) of the corpus' cases."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        cases = [case for case in map(json.loads, file) if not (case.get("weak") or case.get("conflict"))]
    with tempfile.TemporaryDirectory() as folder:
        for i, case in enumerate(cases):
            part = os.path.join(folder, "%03d" % (i // 500))
            os.makedirs(part, exist_ok=True)
            with open(os.path.join(part, "c%06d.txt" % i), "w", encoding="utf-8", newline="") as file:
                file.write(case["text"] + "\n")
        hits = hits_of(tool, [folder])
    for hit in hits:
        case = cases[int(os.path.basename(hit["path"])[1:-4])]
        if case["label"] == "positive":
            expected = case.get("expect")
            if expected if isinstance(expected, str) else None:
                if expected in hit["secret"] or hit["secret"] in expected:
                    yield hit, 1
            elif is_same(case, hit):
                yield hit, 1
        elif is_same(case, hit) or hit["provider"] == "generic":
            yield hit, 0


def bigram_class(c):
    c = ord(c.lower())
    return c - 97 if 97 <= c <= 122 else c - 48 + 26 if 48 <= c <= 57 else CLASSES - 1


def bigram_counts(texts):
    counts = np.ones((CLASSES, CLASSES))
    for text in texts:
        ids = [bigram_class(c) for c in text]
        np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def words_of(folders, wanted=60000):
    """Names as code has them, the same ones each time."""
    found = set()
    for folder in folders:
        paths = sorted(os.path.join(place, name) for place, _, names in os.walk(folder) for name in names
                       if name.endswith((".py", ".js", ".go", ".rb", ".pm", ".h", ".ts")) and os.path.isfile(os.path.join(place, name)))
        for path in paths[:: max(1, len(paths) // 1500)]:
            with open(path, encoding="utf-8", errors="replace") as file:
                found.update(word for word in re.findall(r"[A-Za-z][A-Za-z0-9_-]{7,39}", file.read(200000)) if not re.fullmatch(r"[0-9a-f]+", word))
    return sorted(found, key=lambda word: hashlib.sha256(word.encode()).digest())[:wanted]


def bigrams_make(folders):
    chance = random.Random(5)
    lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
    alphabets = [digits + "abcdef", digits + lower, digits + lower + upper, digits + lower + upper + "+/", digits + lower + upper + "-_"]
    texts = ["".join(chance.choice(alphabet) for _ in range(32)) for alphabet in alphabets for _ in range(8000)]
    table = np.log(bigram_counts(words_of(folders)) / bigram_counts(texts))
    return np.round(np.clip(table, -4, 4), 3)


def bigram_score(table, text):
    ids = [bigram_class(c) for c in text]
    return float(table[ids[:-1], ids[1:]].mean()) if len(ids) > 1 else 0.0


def fit(x, rule, y, weight, rules):
    """Newton's method on the penalised likelihood; bias first, then features, then one offset for each rule."""
    count = x.shape[1]
    design = np.hstack([np.ones((len(y), 1)), x, np.eye(rules)[rule]])
    target = np.zeros(design.shape[1])
    target[1], target[2] = 1.0, PATH_ODDS
    pull = np.concatenate([[0.01], np.full(count, WEIGHT_PULL), np.full(rules, OFFSET_PULL)])
    pull[1] = PRIOR_PULL
    pull[2] = PATH_PULL
    w = target.copy()
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ w, -30, 30)))
        gradient = design.T @ (weight * (p - y)) + pull * (w - target)
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-6:
            break
    return w[0], w[1 : 1 + count], w[1 + count :]


def predict(model, x, rule):
    bias, weights, offsets = model
    return np.clip(1 / (1 + np.exp(-(bias + x @ weights + offsets[rule]))), 0.01, 0.99)


def table_print(title, p, y, weight):
    print(f"{title}\n  {'confidence':<12} {'hits':>7} {'said':>6} {'right':>6}")
    error, edges = 0.0, [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.01]
    for low, high in zip(edges, edges[1:]):
        inside = (p >= low) & (p < high)
        if not inside.any():
            continue
        said, right = np.average(p[inside], weights=weight[inside]), np.average(y[inside], weights=weight[inside])
        error += abs(said - right) * weight[inside].sum() / weight.sum()
        print(f"  {low:.2f} to {min(high, 1):.2f} {inside.sum():7d} {said:6.2f} {right:6.2f}")
    loss = -np.average(y * np.log(p) + (1 - y) * np.log(1 - p), weights=weight)
    print(f"  expected calibration error {error:.4f}, log loss {loss:.4f}; at 0.5: {(p[y == 1] >= .5).mean():.4f} of the right, {(p[y == 0] >= .5).mean():.4f} of the wrong")


def model_text(bias, weights, means, bigrams, offsets, cases, ids):
    def thousandths(value):
        return int(round(float(value) * 1000))
    lines = ["# How evidence becomes a confidence: secret_score.h says what the features are. Written by scripts/train_confidence.py; numbers are",
             "# thousandths. rules: each one's offset in log odds, and how many hits it was made of.", "model:", f"  bias: {thousandths(bias)}"]
    for title, values in (("weights", weights), ("means", means)):
        lines.append(f"  {title}: {{" + ", ".join(f"{name}: {thousandths(value)}" for name, value in zip(NAMES, values)) + "}")
    lines.append("  bigrams: # after a to z, 0 to 9, anything else: the same")
    lines += ["  - '" + " ".join(str(thousandths(value)) for value in row) + "'" for row in bigrams]
    lines.append("  rules:")
    lines += [f"    {name}: [{thousandths(offsets[i])}, {cases[i]}]" for i, name in enumerate(ids)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("secrets")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--noise", nargs="*", default=[])
    parser.add_argument("--write")
    arguments = parser.parse_args()
    labelled = [(hit, right, 1.0 if right else NEGATIVE_WEIGHT) for hit, right in corpus_hits(arguments.secrets, arguments.corpus)]
    if arguments.noise:
        labelled += [(hit, 0, NOISE_WEIGHT) for hit in hits_of(arguments.secrets, arguments.noise)]
    labelled = [row for row in labelled if not row[0]["certain"]]  # a checksum needs no model
    # A secret that stands in many places is one case each side, and shares one case's weight.
    copies = collections.Counter((hit["rule"], hit["secret"], right) for hit, right, _ in labelled)
    x = np.array([hit["features"] for hit, _, _ in labelled])
    if arguments.noise:  # else those that the binary has are good enough to look at
        bigrams = bigrams_make(arguments.noise)
        x[:, WORDS] = [bigram_score(bigrams, hit["secret"]) for hit, _, _ in labelled]
    y = np.array([right for _, right, _ in labelled], dtype=float)
    weight = np.array([w / min(copies[hit["rule"], hit["secret"], right], 3) for hit, right, w in labelled])
    ids = sorted({hit["rule"] for hit, _, _ in labelled})
    rule = np.array([ids.index(hit["rule"]) for hit, _, _ in labelled])
    cases = np.bincount(rule, minlength=len(ids))
    means = np.round(np.average(x, axis=0, weights=weight), 3)
    means[:2] = 0  # the rule's own odds, and the path, count in full
    fold = np.array([int(hashlib.sha256(hit["secret"].encode()).hexdigest(), 16) % FOLDS for hit, _, _ in labelled])
    unseen = np.zeros(len(y))
    for i in range(FOLDS):
        train = fold != i
        unseen[~train] = predict(fit(x[train] - means, rule[train], y[train], weight[train], len(ids)), x[~train] - means, rule[~train])
    prior = np.clip(np.array([hit["prior"] for hit, _, _ in labelled]), 0.01, 0.99)
    print(f"{len(y)} hits, {int(y.sum())} right, of {len(ids)} rules")
    table_print("the rules' own confidence", prior, y, weight)
    table_print("the model, on what it was not trained on", unseen, y, weight)
    bias, weights, offsets = fit(x - means, rule, y, weight, len(ids))
    if arguments.write:
        for name, value, mean in zip(NAMES, weights, means):
            print(f"  {name:<12} weight {value:6.2f}  mean {mean:6.2f}")
        print(f"  bias {bias:.2f}")
    if arguments.write and arguments.noise:
        with open(arguments.write, "w", encoding="utf-8") as file:
            file.write(model_text(bias, weights, means, bigrams, offsets, cases, ids))
    return 0


sys.exit(main())
