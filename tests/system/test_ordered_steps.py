"""Steps run side by side, and their results come in order, whatever happens to single ones."""

from __future__ import annotations

import random
import time
from threading import Event, Lock

import pytest

from hiring_api.system.ordered_steps import StepBack, in_order


class Steps:
    """Adds up items; knows how many steps ran at a time, and in which order they took effect."""

    def __init__(self, pause=0.0):
        self.pause = pause
        self.running = self.most = 0
        self.took_effect = []
        self.lock = Lock()

    def __call__(self, turn):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            turn.begin()
            turn.enter()
            turn.hold()
            time.sleep(random.uniform(0, self.pause))
            total = turn.previous() + turn.item
            self.took_effect.append(turn.item)
            return total
        finally:
            with self.lock:
                self.running -= 1


@pytest.mark.parametrize("most", [1, 2, 3])
def test_results_come_in_order_from_steps_side_by_side(most):
    steps = Steps(pause=0.01)
    assert list(in_order(range(1, 41), 100, steps, most)) == [100 + sum(range(n + 1)) for n in range(1, 41)]
    assert steps.took_effect == list(range(1, 41))
    assert steps.most == most


def test_no_items_are_no_steps():
    assert list(in_order([], 0, Steps(), 2)) == []


def test_a_step_begins_before_the_one_before_it_is_done_and_knows_an_older_result():
    begun = [Event() for _ in range(4)]
    seen = []

    def step(turn):
        begun[turn.item].set()
        if turn.item < 3:
            assert begun[turn.item + 1].wait(5)
        seen.append((turn.item, turn.latest()))
        return turn.previous() + 1

    # The last but one waits for the last to begin, and so on: one at a time would never end
    assert list(in_order(range(4), 0, step, 4)) == [1, 2, 3, 4]
    assert all(result <= item for item, result in seen)


def test_an_error_is_raised_in_its_place_and_ends_those_after_it():
    done = []

    def step(turn):
        time.sleep(0.02 if turn.item == 2 else 0)
        if turn.item == 2:
            raise ValueError("two")
        turn.previous()
        done.append(turn.item)
        return turn.item

    results = []
    with pytest.raises(ValueError, match="two"):
        results.extend(in_order(range(5), 0, step, 2))
    assert done == [0, 1]


def test_a_step_that_is_in_the_way_of_the_one_before_it_steps_back():
    held = Event()
    free = Event()
    log = []

    def step(turn):
        turn.begin()
        if turn.item == 0:
            log.append("0 holds")
            turn.hold()
            assert held.wait(5)
            log.append("0 fails and begins anew")
            turn.begin()
            assert free.wait(5)
            return 1
        log.append("1 holds")
        turn.enter()
        held.set()
        try:
            return turn.previous() + 1
        except StepBack:
            log.append("1 steps back")
            free.set()
        before = turn.wait()
        turn.begin()
        assert turn.latest() == turn.previous() == before
        log.append("1 goes on")
        return before + 1

    assert list(in_order([0, 1], 0, step, 2)) == [1, 2]
    assert log == ["0 holds", "1 holds", "0 fails and begins anew", "1 steps back", "1 goes on"]


def test_a_step_that_waits_too_long_for_the_one_before_it_steps_back():
    free = Event()

    def step(turn):
        turn.begin()
        turn.enter()
        turn.hold()
        if turn.item == 0:
            assert free.wait(5)  # for what step 1 holds
            return 1
        assert turn.before.holding.is_set()
        with pytest.raises(StepBack):
            turn.previous(0.05)
        free.set()
        before = turn.wait()
        assert before == turn.previous(0.05)
        return before + 1

    assert list(in_order([0, 1], 0, step, 2)) == [1, 2]


def test_who_stops_listening_waits_for_the_steps_under_way():
    steps = Steps(pause=0.05)
    results = in_order(range(1, 100), 0, steps, 2)
    assert next(results) == 1
    results.close()
    assert steps.running == 0
    assert steps.took_effect in ([1, 2], [1, 2, 3])
