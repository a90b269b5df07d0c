"""Commands beside the steps of the pipeline: export a run, sample a saved model, measure two files."""
