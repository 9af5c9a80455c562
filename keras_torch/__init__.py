"""Keras's API on PyTorch."""
