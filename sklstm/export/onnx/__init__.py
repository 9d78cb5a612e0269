"""Fitted models in ONNX."""
