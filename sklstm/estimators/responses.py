"""What the methods of an estimator make of its network's scores."""

from ..network import LOSSES

# Response method -> from an estimator to the function that turns scores into what the method returns.
RESPONSES = {
    "predict": lambda model: model._decode,
    "predict_proba": lambda model: LOSSES[model._network_spec["loss"]].inverse_link,
    "predict_log_proba": lambda model: LOSSES[model._network_spec["loss"]].log_inverse_link,
    "encode": lambda model: lambda outputs: outputs,
}
