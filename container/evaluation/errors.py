"""What ends an evaluation for a reason that a person can mend or must know."""

from training.errors import JobError


class EvaluationError(JobError):
    """A candidate or held-out data that cannot be evaluated; the text becomes the ExitMessage."""
