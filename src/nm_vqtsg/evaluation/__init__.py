"""How real generated series are: the judge, the scores, and the comparison of any two sets of series."""
