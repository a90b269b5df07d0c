"""The kinds of generators, one file each: the file's name is what `generator` in params.yaml calls it."""
