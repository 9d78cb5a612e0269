"""Forecasts of series: windows, regressors of these, intervals and backtests around them."""

from .backtest import Backtest
from .forecaster import LSTMForecaster

__all__ = ["Backtest", "LSTMForecaster"]
