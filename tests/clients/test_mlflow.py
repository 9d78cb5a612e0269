"""MLflow: models and pipelines as files and in runs; its default format asks which types to trust."""

import os

import numpy as np
import pandas as pd
import pytest
from clients.easy import FORMS, MARKS, D, classifier, flattened, problem, ragged, regressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # it would report its use
import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature

pytestmark = MARKS

ESTIMATORS = {"classifier": (classifier, 1), "regressor": (regressor, 2)}
TRUSTED = ["sklstm.LSTMClassifier", "sklstm.LSTMRegressor"]
FORMATS = {"skops": {"skops_trusted_types": TRUSTED}, "cloudpickle": {"serialization_format": "cloudpickle"}}
PLAIN = {"pip_requirements": []}  # no search for what is imported, which takes seconds


def fitted(name, flat=False):
    make, which = ESTIMATORS[name]
    data = problem()
    X = flattened(data[0]) if flat else data[0]
    return make(n_channels=D if flat else 1).fit(X, data[which]), X, data[which]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A store of runs in a file; to make its tables takes seconds."""
    folder = tmp_path_factory.mktemp("runs")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("test", artifact_location=(folder / "artifacts").as_uri()))
    yield
    mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_default_format_asks_for_the_public_name_of_the_class(name, tmp_path):
    model = fitted(name)[0]
    with pytest.raises(MlflowException, match=rf"\['sklstm\.{type(model).__name__}'\]"):
        mlflow.sklearn.save_model(model, tmp_path / "model", **PLAIN)


@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_models_come_back_to_the_bit(name, how, tmp_path):
    model, X, y = fitted(name)
    mlflow.sklearn.save_model(model, tmp_path / "model", **FORMATS[how], **PLAIN)
    other, function = mlflow.sklearn.load_model(tmp_path / "model"), mlflow.pyfunc.load_model(tmp_path / "model")
    for form in FORMS.values():
        np.testing.assert_array_equal(other.predict(form(X)), model.predict(X))
    np.testing.assert_array_equal(other.predict(ragged(X)), model.predict(ragged(X)))
    np.testing.assert_array_equal(function.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.partial_fit(X, y).predict(X), model.partial_fit(X, y).predict(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_signatures(name, tmp_path):
    for flat in (False, True):
        model, X, _ = fitted(name, flat)
        path = tmp_path / f"flat {flat}"
        how = {"signature": infer_signature(X, model.predict(X)), "input_example": X[:2]}
        mlflow.sklearn.save_model(model, path, skops_trusted_types=TRUSTED, **how, **PLAIN)
        function = mlflow.pyfunc.load_model(path)
        np.testing.assert_array_equal(function.predict(X), model.predict(X))
        with pytest.raises(MlflowException, match="shape"):
            function.predict(X[:, :-1])


def test_pipelines_of_tables(tmp_path):
    X, y = pd.DataFrame(flattened(problem()[0])).add_prefix("step"), problem()[1]
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), classifier(n_channels=D)).fit(X, y)
    how = {"skops_trusted_types": TRUSTED, "signature": infer_signature(X, pipeline.predict(X))}
    mlflow.sklearn.save_model(pipeline, tmp_path / "model", pyfunc_predict_fn="predict_proba", **how, **PLAIN)
    function = mlflow.pyfunc.load_model(tmp_path / "model")
    np.testing.assert_array_equal(function.predict(X[X.columns[::-1]]), pipeline.predict_proba(X))


def test_runs_log_models_and_parameters(runs):
    model, X, _ = fitted("classifier")
    with mlflow.start_run() as run:
        mlflow.log_params(model.get_params())
        for epoch, loss in enumerate(model.loss_curve_):
            mlflow.log_metric("loss", loss, step=epoch)
        info = mlflow.sklearn.log_model(model, name="model", skops_trusted_types=TRUSTED, **PLAIN)
    np.testing.assert_array_equal(mlflow.sklearn.load_model(info.model_uri).predict(X), model.predict(X))
    data = mlflow.get_run(run.info.run_id).data
    assert data.params["hidden_size"] == "4" and data.metrics["loss"] == model.loss_curve_[-1]


def test_automatic_logs_of_what_is_around_the_estimator(runs):
    # MLflow itself looks at scikit-learn's own classes only.
    X, y, _ = problem()
    mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
    try:
        with mlflow.start_run() as run:
            make_pipeline(StandardScaler(), classifier(n_channels=D)).fit(flattened(X), y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    data = mlflow.get_run(run.info.run_id).data
    assert data.params["lstmclassifier__learning_rate_init"] == "0.05" and data.metrics["training_accuracy_score"] > 0.8
