"""
What is a text about? Docstrings of Python's library
====================================================

The docstrings of seven packages of Python's standard library are the documents, and the package is the topic. Docstrings of one
file are similar and are kept together by ``StratifiedGroupKFold``: whole files are held out. ``SequenceTokenizer`` converts words
to codes in their order, and rare words to a common code; ``LSTMClassifier`` learns a vector for each code. It is compared with
logistic regression on counts of words, which have no order: they suffice for a topic, and a network trained on so few data hardly
reaches them. The numbers, which are printed, differ between versions of Python, as its docstrings do.
"""

import ast
import sys
import sysconfig
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, f1_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier
from sklstm.preprocessing import SequenceTokenizer

TOPICS = ["asyncio", "email", "http", "logging", "multiprocessing", "unittest", "xml"]
WITH_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
documents = []  # text, topic, file
for topic in TOPICS:
    for file in sorted(Path(sysconfig.get_path("stdlib"), topic).rglob("*.py")):
        nodes = (node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, WITH_DOCSTRINGS))
        texts = (ast.get_docstring(node) or "" for node in nodes)
        documents += [(text, topic, str(file)) for text in texts if len(text.split()) >= 8]
texts, topics, files = (np.array(column) for column in zip(*documents, strict=True))
print(f"{len(texts)} docstrings from {len(set(files))} files; the most frequent topic has {np.mean(topics == 'asyncio'):.0%}.")

lstm = LSTMClassifier(32, categorical_features="all", bidirectional=True, pooling="max", dropout=0.3, max_iter=15, random_state=0)
words = CountVectorizer(min_df=2, token_pattern=r"\w+")
models = {
    "counts of words": make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10)),
    "LSTM": make_pipeline(SequenceTokenizer(words, max_length=60, dtype=np.float32), lstm),
}
folds = StratifiedGroupKFold(4, shuffle=True, random_state=0)
fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.8), sharey=True, layout="constrained")
for (name, model), color, aside in zip(models.items(), ("#0072B2", "#D55E00"), (-0.2, 0.2), strict=True):
    predicted = cross_val_predict(model, texts, topics, groups=files, cv=folds)
    print(f"{name:16} accuracy on unseen files {np.mean(predicted == topics):.3f}")
    scores = f1_score(topics, predicted, average=None, labels=TOPICS)
    left.barh(np.arange(len(TOPICS)) + aside, scores, 0.38, color=color, label=name)
left.set(xlabel="F1 score on unseen files", xlim=(0, 1))
left.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize="small", frameon=False)
options = {"normalize": "true", "values_format": ".0%", "cmap": "cividis", "colorbar": False, "xticks_rotation": 90}
ConfusionMatrixDisplay.from_predictions(topics, predicted, ax=right, text_kw={"fontsize": "x-small"}, **options)
right.set(xlabel="Predicted by the LSTM", ylabel="", title="Shares of a topic")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
