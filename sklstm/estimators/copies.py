"""Shallow copies of estimators: to write to, to read while other threads fit, and to predict without what training needs."""

# Attributes that predictions do not need: of training, and parameters that carry a file or a generator. The moments are needed:
# distributions have a least deviation.
OF_TRAINING = {
    "_class_totals", "_skl_callbacks", "_state", "best_epoch_", "best_loss_", "best_validation_score_", "checkpoint",
    "history_", "loss_curve_", "max_iter_trials_", "n_iter_", "random_state", "t_", "validation_loss_curve_",
    "validation_scores_",
}  # fmt: skip


def shallow_copy(estimator):
    """A shallow copy that may be written to, so that a fit which fails leaves nothing behind on the estimator."""
    return with_attributes(estimator, vars(estimator).copy())


def at_this_moment(estimator):
    """The estimator as it is now, whatever another thread fits meanwhile; not to be written to. A fit puts new attributes in the
    place of the old ones, which stay as they are for whoever has them."""
    return with_attributes(estimator, estimator.__dict__)


def for_prediction(estimator):
    """A shallow copy without what predictions do not need."""
    return with_attributes(estimator, {name: value for name, value in vars(estimator).items() if name not in OF_TRAINING})


def with_attributes(estimator, attributes):
    """An estimator of the same class with these attributes, parameters among them."""
    other = object.__new__(type(estimator))
    other.__dict__ = attributes
    return other
