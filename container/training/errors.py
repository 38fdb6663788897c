"""What ends a job for a reason that the person who started it can mend or must know."""


class JobError(Exception):
    """The text becomes the job's FailureReason: it says what is wrong and what to change."""


class HyperparameterError(JobError):
    """A hyperparameter that the job cannot use."""


class DatasetError(JobError):
    """Input that cannot be trained on; the text names the file, the record and the reason."""


class TrainingError(JobError):
    """A training that gives no model."""


class Stopped(Exception):
    """The job was told to stop, and its state is saved; this is no failure."""
