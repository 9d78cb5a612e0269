"""What must be refused, as no meaning that it may have is the user's: door -> names of objects.

Times are no numbers by accident, texts no bytes, padding is a number, states are as they were read.
"""

SCALAR_TIMES = "np.datetime64", "np.timedelta64", "date", "datetime", "timedelta", "Timestamp", "Timedelta", "Period"
LISTS_OF_TIMES = "list of times", "list of Timestamps"
ARRAYS_OF_TIMES = (
    "(6,) of datetime64", "(6,) of timedelta64", "Series of dates", "Series of zoned dates", "Series of periods",
    "DatetimeIndex", "objects of dates",
)  # fmt: skip
DENSE_TIMES = "(6, 4, 2) of datetime64", "(6, 4, 2) of timedelta64", "objects of times", "(6, 4, 2) of generic datetime64"
FRAMES_OF_TIMES = (
    "DataFrame of dates",
    "DataFrame of zoned dates",
    "DataFrame of timedeltas",
    "DataFrame of periods",
    "polars of dates",
)
TEXTS = "str", "number as str", "bytes", "np.str_", "(6,) of U3", "(6,) of S3", "(6,) of StringDType"
COMPLEX = "complex", "(6,) of complex", "list of complex"
NO_NUMBERS = "function", "module", "dict", "set", "object", "generator", "file", "UUID", "Enum", "exception", "slice", "Ellipsis"
NO_LISTS = "None", "1.5", "True", "dict", "set", "str", "object", "function", "module", "0-d array"

WEIGHTS = (*SCALAR_TIMES, *ARRAYS_OF_TIMES, *TEXTS, *COMPLEX, *NO_NUMBERS, "nan", "list of sets", "1-D nan")
X = (
    *SCALAR_TIMES, *LISTS_OF_TIMES, *DENSE_TIMES, *FRAMES_OF_TIMES, *NO_LISTS, "MultiIndex", "DatetimeIndex", "csr",
    "polars lazy", "(6, 4, 2) of complex64", "nan among", "inf among", "all nan", "longdouble huge", "masked",
    "structured", "recarray",
)  # fmt: skip
PADDING = (
    *SCALAR_TIMES, *NO_NUMBERS, "str", "number as str", "bytes", "complex", "[None]", "list of 0-d", "list of times",
    "(6, 4, 2)", "DataFrame", "__array__ of 3-D", "pd.NaT", "np.datetime64 NaT",
)  # fmt: skip
STATES = (*SCALAR_TIMES, *NO_NUMBERS, *TEXTS, *COMPLEX, "None", "nan", "inf", "-1", "2**70", "all nan", "(6,)", "list of sets")

MEANINGLESS = {
    **{
        f"{kind}: {method} sample_weight": WEIGHTS
        for kind in ("lstm", "regressor", "per step")
        for method in ("fit", "partial_fit", "score")
    },
    **{
        f"{kind}: {method}": X
        for kind in ("lstm", "univariate", "per step", "flat", "regressor")
        for method in ("predict", "encode", "fit X", "partial_fit X", "score X", "fit X_val")
    },
    **{f"{kind}: stream step": X for kind in ("lstm", "univariate", "layernorm")},
    **{f"{kind}: stream n_steps": (*STATES, "1.5", "True", "Fraction", "Decimal", "ctypes scalar") for kind in ("lstm", "mean")},
    **{f"{kind}: stream layer_0.h": STATES for kind in ("lstm", "mean")},
    "from_padded padding": PADDING,
    "to_padded": PADDING,
    "from_padded X": (*DENSE_TIMES, "(6, 4, 2) of U3", "(6, 4, 2) of S3", "(6, 4, 2) of complex64", "objects of strs 3-D"),
    "from_list": (*LISTS_OF_TIMES, *NO_LISTS, "arrow texts", "list of strs", "list of sets", "list of dicts", "MultiIndex"),
    "make_windows series": (*LISTS_OF_TIMES, *ARRAYS_OF_TIMES, *NO_LISTS, "DataFrame of dates", "polars of dates", "MultiIndex"),
    "Sequences channel_names": ("set", "frozenset", "str", "dict", "DataFrame", "1.5", "True"),
    "Sequences offsets": (*ARRAYS_OF_TIMES, *NO_LISTS, "(6,) of complex", "(3,)"),
    "SequenceTokenizer inverse_transform": (
        *NO_LISTS, *LISTS_OF_TIMES, "list of complex", "awkward of texts", "polars Series of lists of texts",
        "arrow lists of texts",
    ),
    "regressor: fit y": (*ARRAYS_OF_TIMES, *COMPLEX, *NO_LISTS, "1-D nan"),
    "integrated_gradients target": (*SCALAR_TIMES, *NO_NUMBERS, "1.5", "str"),
}  # fmt: skip
