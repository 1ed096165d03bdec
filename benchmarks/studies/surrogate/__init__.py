"""Synthetic experiments: parameters learned through surrogates of models that hide theirs."""
