"""With several ranks: tests/engine/test_distributed.py, where two must equal one."""

from lowres.ops.distributed_count import global_count_factor, global_mean_count


def test_without_a_process_group_the_count_is_the_local_one():
    assert global_mean_count(7) == 7.0


def test_without_a_process_group_the_factor_is_one():
    assert global_count_factor(7) == 1.0
    assert global_count_factor(0) == 1.0
