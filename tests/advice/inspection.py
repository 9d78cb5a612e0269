"""Advice of messages about explanations, displays and scores of steps."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import accuracy_score, f1_score, get_scorer

from sklstm.inspection import (
    AnomalyDisplay,
    AttentionDisplay,
    ForecastDisplay,
    ReliabilityDisplay,
    TrainingHistoryDisplay,
    attention_weights,
    gate_activations,
    integrated_gradients,
    reliability_curves,
)
from sklstm.metrics import event_recall_score, expected_calibration_error, false_alarm_rate, step_scorer

from .case import RAGGED, STEPS, Unreadable, X, Y, case, classify, regress, value

HORIZON = X[:, 0]  # targets: two steps ahead


def attentive(**params):
    return classify(pooling="attention", **params)


def per_step():
    return classify(RAGGED, [y[: len(x)] for x, y in zip(RAGGED, STEPS, strict=True)], return_sequences=True)


def drawn(draw):
    """What is drawn is closed."""

    def act(*code):
        plt.switch_backend("Agg")
        try:
            return draw(*code)
        finally:
            plt.close("all")

    return act


def labelled(model, labels, **params):
    return AttentionDisplay.from_estimator(model, X, step_labels=labels, **params)


PROBABILITIES = np.tile([[0.2, 0.3, 0.5]], (len(Y), 1))


INSPECTION = [
    case(
        lambda: reliability_curves(regress(), X, X[:, 0, 0]),
        r"or of regressors with (loss=\"quantile\"), got .* Fit such .* by ReliabilityDisplay\.(from_predictions)",
        lambda loss, _: reliability_curves(classify(), X, Y),
        lambda loss, _: reliability_curves(regress(**value(f"dict({loss})"), quantile=0.9), X, X[:, 0, 0]),
        drawn(lambda _, name: getattr(ReliabilityDisplay, name)(Y, Y)),
    ),
    case(
        lambda: attention_weights(regress(), X),
        r"Fit with (pooling='attention')",
        lambda code: attention_weights(regress(**value(f"dict({code})")), X),
    ),
    case(
        lambda: gate_activations(regress(), X[:1], direction="reverse"),
        r"Leave it out, or fit with (bidirectional=True)",
        lambda code: gate_activations(regress(), X[:1]),
        lambda code: gate_activations(regress(**value(f"dict({code})")), X[:1], direction="reverse"),
    ),
    case(
        lambda: integrated_gradients(regress(), X, max_points=16, tol=1e-15),
        "Raise max_points or tol, or choose a baseline closer to X",
        lambda: integrated_gradients(regress(), X, max_points=4096, tol=1e-6),
        lambda: integrated_gradients(regress(), X, max_points=16, tol=1.0),
        lambda: integrated_gradients(regress(), X, max_points=16, tol=1e-3, baseline=X - 1e-3),
    ),
    case(
        lambda: integrated_gradients(regress(), X, baseline=np.nan),
        "Pass one without information, such as a mean",
        lambda: integrated_gradients(regress(), X, baseline=float(X.mean())),
    ),
    case(
        lambda: integrated_gradients(regress(), X, baseline=X[:, :2]),
        "Pass sequences of these lengths, or one value for each channel",
        lambda: integrated_gradients(regress(), X, baseline=X * 0),
        lambda: integrated_gradients(regress(), X, baseline=[0.0, 1.0]),
    ),
    case(
        lambda: integrated_gradients(per_step(), RAGGED),
        r"such as (step=-1) for the last",
        lambda code: integrated_gradients(per_step(), RAGGED, **value(f"dict({code})")),
    ),
    case(
        lambda: integrated_gradients(per_step(), RAGGED, step=2),
        "Pass one that every sequence has",
        lambda: integrated_gradients(per_step(), RAGGED, step=0),
    ),
    case(
        lambda: integrated_gradients(regress(), X, step=0),
        r"Leave it out",
        lambda: integrated_gradients(regress(), X),
    ),
    case(
        lambda: integrated_gradients(regress(y=HORIZON), X),
        r"with target=\.\.\. which to explain, 0 to (\d)",
        lambda last: integrated_gradients(regress(y=HORIZON), X, target=value(last)),
    ),
]

INSPECTION += [
    case(
        lambda: integrated_gradients(classify(), X, target=Unreadable()),
        "Pass one value, or one for each of the 6 sequences|parameter of integrated_gradients",
        lambda: integrated_gradients(classify(), X, target=1),
        lambda: integrated_gradients(classify(), X, target=Y),
    ),
    case(
        lambda: integrated_gradients(classify(), X, target=np.array([[1]] * 6 + [None], dtype=object)[:6]),
        r"Pass a class label, one of \[0, 1\]",
        lambda: integrated_gradients(classify(), X, target=1),
    ),
]

DISPLAYS = [
    case(
        lambda: labelled(attentive(), list("abc")),
        r"Choose one with (sequence)=\.\.\., or leave them out",
        drawn(lambda name: labelled(attentive(), list("abc"), **{name: 0})),
        drawn(lambda name: labelled(attentive(), None)),
    ),
    case(
        drawn(lambda: TrainingHistoryDisplay.from_estimator(classify(max_iter=2), ax=plt.figure().add_axes([0, 0, 1, 1]))),
        r"The display draws in (\d) axes.* Pass \d, or one that belongs to a grid, or none",
        drawn(lambda n: TrainingHistoryDisplay.from_estimator(classify(max_iter=2), ax=plt.subplots(value(n), 1)[1])),
        drawn(lambda n: TrainingHistoryDisplay.from_estimator(classify(max_iter=2), ax=plt.subplots()[1])),
        drawn(lambda n: TrainingHistoryDisplay.from_estimator(classify(max_iter=2))),
    ),
    case(
        lambda: ForecastDisplay.from_estimator(regress(y=STEPS, return_sequences=True), X[0]),
        r"by ForecastDisplay\.(from_predictions)",
        drawn(lambda name: getattr(ForecastDisplay, name)(X[0, :, 0], regress(y=HORIZON).predict(X[:1])[0])),
    ),
    case(
        lambda: ForecastDisplay(X[0, :, 0], None, quantiles={}).plot(),
        "Pass one, or quantiles",
        drawn(lambda: ForecastDisplay(X[0, :, 0], np.ones(2)).plot()),
        drawn(lambda: ForecastDisplay(X[0, :, 0], None, quantiles={0.5: np.ones(2)}).plot()),
    ),
    case(
        drawn(lambda: AnomalyDisplay.from_scores(np.zeros(3), np.zeros(3), times=[1, 1, 2])),
        "Pass them sorted, without repetitions",
        drawn(lambda: AnomalyDisplay.from_scores(np.zeros(3), np.zeros(3), times=[1, 2, 3])),
    ),
    case(
        drawn(lambda: AnomalyDisplay.from_scores(Unreadable(), np.zeros(3))),
        "series is no array: .* Pass numbers for the steps of one series",
        drawn(lambda: AnomalyDisplay.from_scores(X[0], np.zeros(3))),
    ),
    case(
        lambda: ForecastDisplay.from_estimator([], X[:1]),
        "Pass at least one",
        drawn(lambda: ForecastDisplay.from_estimator([regress(y=HORIZON)], X[:1])),
    ),
    case(
        lambda: ForecastDisplay.from_estimator([regress(y=HORIZON)] * 2, X[:1]),
        "Pass only one such estimator",
        drawn(
            lambda: ForecastDisplay.from_estimator(
                [regress(y=HORIZON), regress(y=HORIZON, loss="quantile", quantile=0.9)], X[:1]
            )
        ),
    ),
]

METRICS = [
    case(
        lambda: expected_calibration_error(Y, 3.0 * Y),
        "Pass probabilities, such as those of predict_proba",
        lambda: expected_calibration_error(Y, classify().predict_proba(X)),
    ),
    case(
        lambda: expected_calibration_error(Y, PROBABILITIES),
        r"Pass labels=\.\.\., with the class of each column",
        lambda: expected_calibration_error(Y, PROBABILITIES, labels=[0, 1, 2]),
    ),
    case(
        lambda: expected_calibration_error(["up"] * len(Y), PROBABILITIES[:, :2]),
        r"Pass labels=\.\.\., with both of them",
        lambda: expected_calibration_error(["up"] * len(Y), PROBABILITIES[:, :2], labels=["down", "up"]),
    ),
    case(
        lambda: step_scorer("f1_score"),
        r"See (sklearn\.metrics\.get_scorer_names\(\)), or pass a function metric\(y_true, y_pred\)",
        lambda code: step_scorer(value(code, sklearn=__import__("sklearn.metrics"))[0]),
        lambda code: step_scorer(f1_score)(per_step(), RAGGED, [y[: len(x)] for x, y in zip(RAGGED, STEPS, strict=True)]),
    ),
    case(
        lambda: step_scorer("accuracy", greater_is_better=False),
        "Leave response_method and greater_is_better out, or pass the function of the metric",
        lambda: step_scorer(get_scorer("accuracy")),
        lambda: step_scorer(accuracy_score, greater_is_better=False),
    ),
    case(
        lambda: step_scorer("accuracy")(classify(), X, None),
        "Pass the targets that the predictions are compared with",
        lambda: step_scorer("accuracy")(classify(), X, Y),
    ),
    case(
        lambda: step_scorer("accuracy")(classify(y=STEPS, return_sequences=True), X, STEPS * 0 - 100),
        "nothing to score. Label at least one step",
        lambda: step_scorer("accuracy")(classify(y=STEPS, return_sequences=True), X, np.where(STEPS, -100, STEPS)),
    ),
    case(
        lambda: event_recall_score([[0, 0]], [[1, 1]]),
        "Pass sequences with a step labelled (1), one of them with a positive weight",
        lambda label: event_recall_score([[0, value(label)]], [[1, 1]]),
    ),
    case(
        lambda: false_alarm_rate([[1, 1]], [[1, 1]]),
        "Pass sequences with a step labelled (0), one of them with a positive weight",
        lambda label: false_alarm_rate([[value(label), 1]], [[1, 1]]),
    ),
    case(
        lambda: event_recall_score([[0, 1], [0, 1]], [[1, 1]]),
        "Pass one array of alarms for each sequence",
        lambda: event_recall_score([[0, 1], [0, 1]], [[1, 1], [1, -1]]),
    ),
    case(
        lambda: event_recall_score([[0, 1]], [[1]]),
        "Pass an alarm or none for each step",
        lambda: event_recall_score([[0, 1]], [[1, -1]]),
    ),
    case(
        lambda: event_recall_score([[1, -1], [1, 1]], [[1, 1], [1, 1]]),
        r"If -1 marks the events, as in scikit-learn, pass (.*)\. None",
        lambda code: event_recall_score(value(code, y_true=[[1, -1], [1, 1]]), [[1, 1], [1, 1]]),
        lambda code: event_recall_score(value(code, y_true=np.array([[1, -1], [1, 1]])), [[1, 1], [1, 1]]),
    ),
    case(
        lambda: event_recall_score([[0, 1]], [[0, 1]]),
        r"If 1 marks the alarms, pass (.*)\. None",
        lambda code: event_recall_score([[0, 1]], value(code, y_pred=[[0, 1]])),
    ),
]

CASES = INSPECTION + DISPLAYS + METRICS
