"""Stochastic vector quantisation (paper, section 3) and the search for its temperature."""
