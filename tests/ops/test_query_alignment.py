import itertools

import torch

from lowres.ops.boxes import pairwise_giou
from lowres.ops.query_alignment import pair_by_assignment, pair_by_index


def test_pairs_by_index_are_the_kept_queries():
    keep = torch.tensor([[True, False, True], [False, False, True]])
    image, ours, theirs = pair_by_index(keep)
    assert image.tolist() == [0, 0, 1]
    assert ours.tolist() == theirs.tolist() == [0, 2, 2]


def test_assignment_undoes_a_permutation_of_the_queries():
    generator = torch.Generator().manual_seed(1)
    low = torch.rand(1, 6, 2, generator=generator) * 0.8
    boxes = torch.cat([low, low + 0.05 + 0.1 * torch.rand(1, 6, 2, generator=generator)], dim=-1)
    scores = torch.rand(1, 6, 4, generator=generator)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    keep = torch.tensor([[True, True, False, True, True, False]])
    _, ours, theirs = pair_by_assignment(
        keep,
        student_scores=scores[:, order],
        teacher_scores=scores,
        student_xyxy_frac=boxes[:, order],
        teacher_xyxy_frac=boxes,
    )
    assert sorted(theirs.tolist()) == [0, 1, 3, 4]
    assert order[ours].tolist() == theirs.tolist()


def test_assignment_has_the_least_cost_of_all_one_to_one_pairings():
    generator = torch.Generator().manual_seed(2)
    corners = torch.rand(2, 4, 2, 2, generator=generator).sort(dim=2).values.flatten(2)
    student, teacher = corners[0], corners[1][:3]
    ours_scores, theirs_scores = torch.rand(4, 2, generator=generator), torch.rand(3, 2, generator=generator)
    best, best_class = theirs_scores.max(-1)
    cost = 2 * (ours_scores[:, best_class] - best).abs() + 5 * torch.cdist(student, teacher, p=1)
    cost = cost - 2 * pairwise_giou(student, teacher)
    least = min(sum(cost[q, t].item() for t, q in enumerate(p)) for p in itertools.permutations(range(4), 3))
    _, ours, theirs = pair_by_assignment(
        torch.ones(1, 3, dtype=torch.bool),
        student_scores=ours_scores[None],
        teacher_scores=theirs_scores[None],
        student_xyxy_frac=student[None],
        teacher_xyxy_frac=teacher[None],
    )
    assert abs(cost[ours, theirs].sum().item() - least) < 1e-5


def test_nothing_kept_gives_no_pairs():
    empty = pair_by_assignment(
        torch.zeros(2, 3, dtype=torch.bool),
        student_scores=torch.rand(2, 3, 2),
        teacher_scores=torch.rand(2, 3, 2),
        student_xyxy_frac=torch.rand(2, 3, 4),
        teacher_xyxy_frac=torch.rand(2, 3, 4),
    )
    assert [part.tolist() for part in empty] == [[], [], []]
