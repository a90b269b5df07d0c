"""Scores as pure functions of arrays: of series, of features, or of class probabilities."""
