"""How real generated series are: everything that is measured about them, by whom it is judged, and as a table.

One verb, four ways in: `evaluate` (in `report`) takes arrays, `evaluate_files` (in `commands`) files,
`measure_any` named series, `evaluate_samples` scaled ones. A `Scorer` scores one set of samples at a time.
"""
