"""Mistakes that a user can mend.

Each message is one line that names the file, the field and the remedy. The command line prints it and
exits with status 1; anything else that is raised is a defect of ours and keeps its traceback.
"""


class UserError(Exception):
    """Base of all errors that a user can mend."""


class ParameterError(UserError):
    """A parameter is missing, misspelt or impossible."""


class DataError(UserError):
    """A data set cannot be fetched or read, or is not what it claims to be."""


class MissingLabelsError(DataError):
    """A file does not hold the labels that were named."""


class ArtifactError(UserError):
    """A file of the pipeline is missing, damaged or belongs to something else."""


class TrainingError(UserError):
    """Training cannot go on, for example because a loss is not finite."""
