"""What a generator of series is to the rest of the project, and the one that joins a tokeniser and a prior."""
