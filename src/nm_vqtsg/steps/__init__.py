"""One thin file per step of the pipeline: read artifacts, call the library, write artifacts."""
