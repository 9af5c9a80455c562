"""Compiling, training, evaluating and predicting."""
