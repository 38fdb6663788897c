"""A model's answers to the held-out examples, by the engine and in the batches of the endpoint.

An artifact is loaded and run: a SavedModel is a program, whose operations can read and write files,
and so may an ONNX file be to a lesser degree (TensorFlow, SECURITY.md). Nothing of it is taken for
Python or for a shell, but what keeps it from doing harm is where it runs: the job has no network,
no credentials but its role's, and nothing in its folders beyond these two models and the data.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation import archive, artifact
from evaluation.errors import EvaluationError
from evaluation.record import Scored
from serving import engines
from serving.examples import Shape
from serving.settings import cores

SLACK = 1e-3  # by which a probability may leave 0 to 1 for want of digits


class Unscorable(Exception):
    """A model that cannot be judged by its answers; the text says why, of "it"."""


@dataclass
class Contender:
    """A model that is asked, batch by batch; its answers so far."""

    name: str
    folder: Path  # its artifact, unpacked
    engine: engines.Engine
    class_names: tuple[str, ...]
    _classes: list[NDArray[np.int64]] = field(default_factory=list)
    _probabilities: list[NDArray[np.float32]] = field(default_factory=list)
    _asked: int = 0

    @property
    def shape(self) -> Shape:
        return self.engine.shape

    def ask(self, inputs: NDArray[np.float32]) -> engines.Prediction:
        """Raises Unscorable for what is no answer."""
        try:
            answer = self.engine.predict(inputs)
        except Exception as error:  # of many kinds, each engine its own
            _refuse_want(error)
            raise Unscorable(f"it fails at example {self._asked}: {_line(error)}") from None
        problem = _problem(answer, len(inputs), len(self.class_names), self._asked)
        if problem:
            raise Unscorable(problem)
        self._asked += len(inputs)
        self._classes.append(answer.classes)
        self._probabilities.append(answer.probabilities)
        return answer

    def scored(self) -> Scored:
        return Scored(
            self.name,
            self.engine.name,
            self.class_names,
            np.concatenate([np.empty(0, np.int64), *self._classes]),
            np.concatenate(
                [np.empty((0, len(self.class_names)), np.float32), *self._probabilities]
            ),
        )


def load(name: str, packed: Path, folder: Path, data_names: tuple[str, ...]) -> Contender:
    """A model.tar.gz, unpacked into `folder`, and loaded as the endpoint loads it.

    Without a list of its own its classes are those of the data. Raises Unscorable, or
    EvaluationError where this machine does not suffice.
    """
    try:
        archive.unpack(packed, folder)
        names = artifact.class_names(folder) or data_names
        engine = engines.load(folder / artifact.VERSIONS, threads=cores())
        answers = engine.predict(np.zeros((1, *engine.shape), np.float32)).probabilities.shape[1]
    except archive.BadArchive as error:
        raise Unscorable(f"its archive is refused: {error}") from None
    except artifact.BadFacts as error:
        raise Unscorable(str(error).replace("in it", "in its artifact")) from None
    except engines.Unusable as error:
        _refuse_want(error)
        raise Unscorable(str(error).replace(f"{folder}/", "")) from None
    except EvaluationError:
        raise
    except Exception as error:  # of many kinds, each engine its own
        _refuse_want(error)
        raise Unscorable(f"it fails: {_line(error)}") from None
    if answers != len(names):
        raise Unscorable(f"it answers for {answers} classes and names {len(names)}")
    return Contender(name, folder, engine, names)


def _problem(answer: engines.Prediction, asked: int, classes: int, first: int) -> str:
    if answer.probabilities.shape != (asked, classes) or answer.classes.shape != (asked,):
        return f"it does not answer each example from number {first} on"
    wrong = ~np.isfinite(answer.probabilities)
    wrong |= (answer.probabilities < -SLACK) | (answer.probabilities > 1 + SLACK)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = answer.probabilities[row, column]
        return f"its answer to example {first + row} is {value:g}, which is no probability"
    strange = (answer.classes < 0) | (answer.classes >= classes)
    if strange.any():
        row = int(np.argmax(strange))
        return f"its answer to example {first + row} is class {answer.classes[row]} of {classes}"
    return ""


def _refuse_want(error: Exception) -> None:
    """Want of memory says nothing of a model: the champion of a larger machine would count as one
    that cannot be scored, and whatever is good enough would take its place."""
    kinds = {type(each).__name__ for each in (error, error.__cause__, error.__context__)}
    text = str(error)
    if kinds & {"MemoryError", "ResourceExhaustedError"} or "bad_alloc" in text:
        raise EvaluationError(
            "a model does not fit into the memory of the job: EvaluationInstanceType is its machine"
        ) from None


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
