"""Fitted models as headers of C99."""
