import torch

from lowres.ops.detections import top_detections


def test_best_pairs_of_query_and_class_in_order():
    scores = torch.tensor([[[0.1, 0.9], [0.8, 0.2]]])
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [2.0, 2.0, 3.0, 3.0]]])
    best, labels, found = top_detections(scores, boxes, count=3)
    torch.testing.assert_close(best, torch.tensor([[0.9, 0.8, 0.2]]))
    assert labels.tolist() == [[1, 0, 1]]
    assert found[0, :, 0].tolist() == [0.0, 2.0, 2.0]


def test_count_is_cut_to_what_there_is():
    best, _, _ = top_detections(torch.rand(2, 3, 2), torch.rand(2, 3, 4), count=100)
    assert best.shape == (2, 6)
