"""From hyper-parameters to an optimiser and a training plan."""

from joblib import effective_n_jobs

from ..training import LBFGS, SCHEDULES, SGD, Adam, Plan, RMSprop

# Name -> the optimiser that an estimator's parameters describe.
SOLVERS = {
    "sgd": lambda e: SGD(e.momentum, e.nesterovs_momentum),
    "rmsprop": lambda e: RMSprop(e.rho, e.epsilon),
    "adam": lambda e: Adam(e.beta_1, e.beta_2, e.epsilon),
    "adamw": lambda e: Adam(e.beta_1, e.beta_2, e.epsilon, weight_decay=e.alpha),
    "lbfgs": lambda e: LBFGS(),
}

# Minibatch size of batch_size="auto". With learning_rate_init=5e-3 it was chosen by cross-validation on eight problems
# (digits by rows, tables read as series, the adding problem, a seasonal forecast, ragged sequences): better than or
# level with 1e-3 and the MLP's 200 on seven of them, in half the time.
AUTO_BATCH_SIZE = 32


def check_solving(estimator, incremental):
    """Raise a ValueError where hyper-parameters of the training contradict each other."""
    if estimator.solver == "lbfgs" and (estimator.dropout or estimator.recurrent_dropout):
        raise ValueError(
            f"solver='lbfgs' compares losses of the same function, which dropout={estimator.dropout} and"
            f" recurrent_dropout={estimator.recurrent_dropout} change at every call. Set them to 0, or take another solver."
        )
    if estimator.solver == "lbfgs" and estimator.checkpoint is not None:
        raise ValueError(
            "solver='lbfgs' cannot go on from a checkpoint: SciPy does not give out what its L-BFGS has learned of the loss."
            " Set checkpoint=None, or take another solver."
        )
    if incremental and SCHEDULES[estimator.learning_rate].needs_end:
        raise ValueError(
            f"learning_rate={estimator.learning_rate!r} needs to know when training ends, which partial_fit does not. Set another"
            " one, such as 'constant' or 'invscaling'."
        )


def make_plan(estimator, n_samples, incremental):
    """The plan for a fit on that many sequences."""
    batch_size = AUTO_BATCH_SIZE if estimator.batch_size == "auto" else estimator.batch_size
    return Plan(
        max_iter=1 if incremental else estimator.max_iter,
        batch_size=min(batch_size, n_samples),
        learning_rate=estimator.learning_rate_init,
        schedule=estimator.learning_rate,
        power=estimator.power_t,
        warmup=estimator.warmup_fraction,
        shuffle=estimator.shuffle,
        alpha=0.0 if estimator.solver == "adamw" else estimator.alpha,  # AdamW's is no part of the loss
        max_grad_norm=estimator.max_grad_norm,
        tol=estimator.tol,
        n_iter_no_change=estimator.n_iter_no_change,
        early_stopping=estimator.early_stopping and not incremental,
        bptt_steps=estimator.bptt_steps,
        n_threads=effective_n_jobs(estimator.n_jobs),
        warn_unconverged=not incremental,
    )
