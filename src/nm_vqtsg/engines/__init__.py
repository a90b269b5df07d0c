"""Glue that lets Snakemake and DVC run one pipeline and agree on what is fresh.

``dvc.yaml`` says what the stages are, DVC's own records (``dvc.lock`` and its run cache) say what was made
from what, and Snakemake decides by them. The design and its reasons are in ``docs/workflow.md``.
"""
