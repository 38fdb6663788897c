import keras
import numpy as np
import tiny_model

from training.progress import Score
from training.state import State


def fresh(seed: int) -> State:
    keras.utils.set_random_seed(seed)
    network = tiny_model.build_model(tiny_model.Hyperparameters())
    optimizer = keras.optimizers.AdamW(0.01)
    optimizer.build(network.trainable_variables)
    return State(network, optimizer)


def test_a_state_becomes_another_in_everything_that_a_training_goes_on_from() -> None:
    one, other = fresh(1), fresh(2)
    gradients = [variable * 0 + 1 for variable in one.network.trainable_variables]
    one.optimizer.apply(gradients)
    one.step, one.epoch, one.sums = 7, 2, np.array([1.5, 20, 30])
    one.history = [{"train": Score(0.1, 0.2), "validation": Score(0.3, 0.4)}] * 2
    assert different(one, other)
    other.restore(one.arrays())
    assert different(one, other) == set()
    assert (other.step, other.epoch, other.history) == (7, 2, one.history)
    assert other.sums.tolist() == [1.5, 20, 30]


def different(one: State, other: State) -> set[str]:
    mine, theirs = one.arrays(), other.arrays()
    return {
        name
        for name in mine.keys() | theirs.keys()
        if name not in theirs or mine[name].tobytes() != theirs[name].tobytes()
    }
