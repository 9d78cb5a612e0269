"""
A network that writes like the manual of Python
===============================================

Which character comes next? ``LSTMClassifier(return_sequences=True)`` predicts it after every character of chunks of the language
reference that comes with Python (``pydoc_data.topics``). Its loss on unseen paragraphs, in bits per character, is compared with
that of the frequencies of the characters, and with a compressor (LZMA) that has read the training text. Then the model writes:
``sample`` draws each character from its predicted probabilities and reads it as the next step. With a temperature of 0.5, that is
in proportion to the squares of the probabilities, the text has fewer errors and more repetitions.
"""

import lzma
import re
import sys
import textwrap
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from sklstm import LSTMClassifier
from sklstm.preprocessing import SequenceTokenizer

SEEN, UNSEEN, T = 200_000, 25_000, 100  # characters
paragraphs = (" ".join(part.split()) for name in sorted(topics) for part in re.split(r"\n\s*\n", topics[name]))
paragraphs = list(dict.fromkeys(paragraphs))  # each once: some are in several topics
text = " ".join(np.random.default_rng(0).permutation(paragraphs))[: SEEN + UNSEEN]
tokenizer = SequenceTokenizer(CountVectorizer(analyzer="char", lowercase=False), handle_unknown="drop", dtype=np.float32)
codes = tokenizer.fit([text[: SEEN - 10 * T]]).transform([text])[0]  # characters not in this part are dropped
n, held_out = (len(codes) - 1) // T, UNSEEN // T  # chunks
X, y = codes[: n * T].reshape(n, T, 1), codes[1 : n * T + 1].reshape(n, T).astype(int)  # characters, and the next
(X, X_unseen), (y, y_unseen) = np.split(X, [-held_out]), np.split(y, [-held_out])
model = LSTMClassifier(128, return_sequences=True, categorical_features="all", max_iter=10, batch_size=32, random_state=0)
model.fit(X, y, X_val=X_unseen, y_val=y_unseen)
packed = [8 * len(lzma.compress(part.encode())) for part in (text[:SEEN], text)]  # bits
bits = {"frequencies": -np.log2(np.bincount(y.ravel())[y_unseen] / y.size).mean(), "LZMA": (packed[1] - packed[0]) / UNSEEN}
curve = np.array(model.validation_loss_curve_) / np.log(2)  # from nats
print("Bits per unseen character:", ", ".join(f"{name} {value:.2f}" for name, value in bits.items()), f"LSTM {curve[-1]:.2f}")

fig, axes = plt.subplots(figsize=(6.4, 5), layout="constrained")
axes.plot(range(1, model.n_iter_ + 1), curve, "o-", color="#D55E00", label="LSTM")
for (name, value), color in zip(bits.items(), ("#009E73", "#0072B2"), strict=True):
    axes.axhline(value, linestyle="--", color=color, label=name)
axes.set(xlabel="Epoch", ylabel="Bits per unseen character", ylim=0)
axes.legend(loc="lower left", ncols=3)
written, full_stop = [], [[tokenizer.vocabulary_["."]]]
for temperature in (1, 0.5):
    codes = model.sample(full_stop, 240, temperature=temperature, random_state=0)
    line = "".join(tokenizer.inverse_transform(codes)[0])
    written.append(textwrap.fill(f"Temperature {temperature}: {line.strip()}", 76))
    print(written[-1])
axes.set_title("\n\n".join(written), family="monospace", fontsize="small", loc="left")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
