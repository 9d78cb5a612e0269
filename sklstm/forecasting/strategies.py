"""Strategies of forecasts of several steps."""

# Name -> function from the horizon to the number of steps that networks predict at once.
STRATEGIES = {"direct": lambda horizon: horizon, "recursive": lambda horizon: 1}
