"""scikit-learn's callbacks: the subtasks of a fit that they follow are its epochs."""

class CallbackContext:
    """Tells the callbacks of an estimator where its fit is; does nothing for an estimator without any, or for none.

    Parameters
    ----------
    estimator : BaseRecurrent, default=None
    X, y, sample_weight
        As `fit` got them.
    """

    def __init__(self, estimator=None, X=None, y=None, sample_weight=None):
        self.estimator = estimator
        self.data = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        self.fit = self.epoch = None
        if estimator is not None and vars(estimator).get("_skl_callbacks"):
            self.fit = estimator._init_callback_context(max_subtasks=None if estimator.max_iter == "auto" else estimator.max_iter)
            self.fit.call_on_fit_task_begin(estimator=estimator, **self.data)

    def before_epoch(self):
        if self.fit is not None:
            self.epoch = self.fit.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def after_epoch(self, last, attributes):
        """Whether a callback asks to stop.

        Parameters
        ----------
        last : bool
            Whether training ends here anyway.
        attributes : callable
            ``attributes() -> dict``: those of the estimator as if the fit ended here.
        """
        if self.fit is None:
            return False
        epoch, self.epoch = self.epoch, None  # an interrupt of a callback ends it too
        stop = epoch.call_on_fit_task_end(estimator=self.estimator, reconstruction_attributes=attributes, **self.data)
        if not (stop or last):
            self.before_epoch()
        return stop

    def end(self):
        """The estimator is fitted."""
        if self.fit is None:
            return
        if self.epoch is not None:  # begun, but the solver had converged
            self.epoch.call_on_fit_task_end(estimator=self.estimator)
        fitted = vars(self.estimator)
        self.fit.call_on_fit_task_end(estimator=self.estimator, reconstruction_attributes=lambda: fitted, **self.data)

    def end_interrupted(self, interrupt):
        """The estimator is fitted, but by an interrupt, which no error of a callback may replace."""
        try:
            self.end()
        except Exception as error:
            interrupt.add_note(f"A callback failed when the fit ended: {error!r}")
