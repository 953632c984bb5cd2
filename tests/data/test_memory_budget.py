import threading

import pytest

from lowres.data.memory_budget import MemoryBudget


def test_those_who_fit_in_go_together_and_the_next_one_waits():
    budget, entered = MemoryBudget(10), threading.Event()

    def third():
        with budget.taken(3):
            entered.set()

    with budget.taken(4):
        with budget.taken(4):
            thread = threading.Thread(target=third)
            thread.start()
            assert not entered.wait(0.05)
        assert entered.wait(10)
    thread.join()


def test_who_wants_more_than_there_is_waits_for_all_others_and_is_alone():
    budget, order = MemoryBudget(10), []

    def large():
        with budget.taken(99):
            order.append("large")

    with budget.taken(1):
        thread = threading.Thread(target=large)
        thread.start()
        thread.join(0.05)
        order.append("small")
    thread.join()
    assert order == ["small", "large"]


def test_bytes_are_given_back_after_an_error():
    budget = MemoryBudget(10)
    with pytest.raises(KeyError), budget.taken(10):
        raise KeyError
    with budget.taken(10):
        pass
