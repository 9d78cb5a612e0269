"""The model as a spec of layers, with forward and backward passes; it knows no training loop and no estimator."""

from .bias_init import TIMESCALES, ConstantBias, TimescaleBias
from .cells import CELLS
from .checks import MAX_LAYERS
from .constants import constant_chain, constant_scores, constant_scores_of_labels, loss_of_chain, loss_of_constant
from .cross_attention import ATTENTIONS
from .decoding import Decoder, Memory, apply_pairs
from .dropout import Draws
from .encoder_decoder import EncoderDecoder
from .inference import apply
from .input_layer import MISSING
from .losses import CLASSIFICATION_LOSSES, HUBER_DELTA, LOSSES, REGRESSION_LOSSES, loss_of_classes, make_loss
from .mixture import GaussianMixture, draw_columns, n_scores_of, units_of_scores
from .model import Network
from .pooling import POOLINGS, pooling_names
from .recurrent import ACTIVATIONS, MERGE_MODES
from .rescaling import rescale
from .structure import CTC, STRUCTURES, Chain
