import torch

from lowres.ops.query_filter import query_filter


def test_keeps_queries_whose_best_class_is_over_the_threshold():
    scores = torch.tensor([[[0.6, 0.1], [0.5, 0.5], [0.2, 0.51]]])
    assert query_filter(scores, threshold=0.5).tolist() == [[True, False, True]]


def test_agrees_with_algorithm_1_as_written():
    scores = torch.rand(2, 30, 9)
    first_of_sorted = scores.sort(dim=-1, descending=True).values[:, :, 0]
    assert torch.equal(query_filter(scores, threshold=0.9), first_of_sorted > 0.9)
