import itertools
import multiprocessing
import os
import time

import numpy as np
import pytest
import torch
from torch.multiprocessing.reductions import shared_cache

from lowres.data.dataset import DetectionDataset, SampleKey
from lowres.data.loader import EvalBatches, TrainBatches
from lowres.data.transforms import build_transforms
from lowres.data.truth import load_truth

RANDOM = {
    "short_side_px": [32, 48],
    "long_side_px": 64,
    "flip_probability": 0.5,
    "scale_jitter": (0.7, 1.4),
    "crop_probability": 0.5,
    "crop_fraction": (0.6, 1.0),
    "brightness": 0.3,
    "hue": 0.05,
    "mosaic_probability": 0.3,
}


@pytest.fixture
def dataset(packed):
    return DetectionDataset(packed, build_transforms(**RANDOM), seed=3)


def train(dataset, **options):
    return TrainBatches(dataset, **({"batch_size": 4, "seed": 3, "size_divisor": 16, "stop_step": 7} | options))


def tensors(batch):
    named = vars(batch).items()
    return [t for _, value in named for t in (value if isinstance(value, list) else [value]) if torch.is_tensor(t)]


def same(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_batches_are_bitwise_equal_for_any_number_of_workers(dataset, workers):
    alone = list(train(dataset))
    shared = list(train(dataset, num_workers=workers))
    assert [step for step, _ in shared] == [step for step, _ in alone] == list(range(7))
    assert all(same(a, b) for (_, a), (_, b) in zip(alone, shared, strict=True))


@pytest.mark.parametrize(("start", "workers"), [(1, 0), (5, 0), (3, 2)])
def test_resumed_run_sees_what_an_uninterrupted_one_would(dataset, start, workers):
    whole = list(train(dataset))
    resumed = list(train(dataset, start_step=start, num_workers=workers))
    assert [step for step, _ in resumed] == list(range(start, 7))
    assert all(same(a, b) for (_, a), (_, b) in zip(whole[start:], resumed, strict=True))


@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_share_the_batch_that_one_process_would_see(dataset, world_size):
    canvas = {"canvas_wh_px": (64, 64)}
    alone = [batch for _, batch in train(dataset, **canvas)]
    ranks = [train(dataset, rank=rank, world_size=world_size, **canvas) for rank in range(world_size)]
    for whole, *parts in zip(alone, *([batch for _, batch in rank] for rank in ranks), strict=True):
        assert torch.equal(whole.pixels, torch.cat([part.pixels for part in parts]))
        assert torch.equal(whole.image_ids, torch.cat([part.image_ids for part in parts]))
        boxes = [box for part in parts for box in part.boxes_xyxy_px]
        assert all(torch.equal(a, b) for a, b in zip(whole.boxes_xyxy_px, boxes, strict=True))


def test_every_epoch_shows_every_image_once_in_its_own_order(dataset):
    stream = [key for step in range(11) for key in train(dataset).keys(step)]  # 44 samples: 4 epochs of 11
    orders = [stream[11 * epoch : 11 * (epoch + 1)] for epoch in range(4)]
    for epoch, order in enumerate(orders):
        assert {key.epoch for key in order} == {epoch}
        assert sorted(key.position for key in order) == list(range(11))
    assert len({tuple(key.position for key in order) for order in orders}) == 4
    assert [train(dataset).epoch_of(step) for step in (0, 2, 3, 11)] == [0, 0, 1, 4]
    assert train(dataset).steps_per_epoch == 11 / 4


def test_batch_larger_than_the_data_set_takes_several_epochs(dataset):
    keys = train(dataset, batch_size=25).keys(0)
    assert len(set(keys)) == 25
    assert [key.epoch for key in keys] == [0] * 11 + [1] * 11 + [2] * 3


def test_another_seed_gives_another_order_and_another_augmentation(packed, dataset):
    other = DetectionDataset(packed, build_transforms(**RANDOM), seed=4)
    assert train(dataset).keys(0) != train(dataset, seed=4).keys(0)
    key = SampleKey(0, 3)
    assert not np.array_equal(dataset[key].pixels, other[key].pixels)
    assert not np.array_equal(dataset[key].pixels, dataset[SampleKey(1, 3)].pixels)
    assert np.array_equal(dataset[key].pixels, dataset[key].pixels)


def test_each_step_draws_one_side_for_its_whole_batch(packed):
    dataset = DetectionDataset(packed, build_transforms(short_side_px=32, stretch=True), seed=0)
    batches = train(dataset, short_sides_px=[16, 32, 48], stop_step=20)
    sides = [tuple(batch.sizes_wh_px.unique().tolist()) for _, batch in batches]
    assert set(sides) == {(16,), (32,), (48,)}
    again = TrainBatches(
        dataset, batch_size=4, seed=3, size_divisor=16, short_sides_px=[16, 32, 48], rank=1, world_size=2
    )
    assert [(again.keys(step)[0].short_side_px,) for step in range(20)] == sides


def test_content_sits_top_left_with_a_mask_and_zeros_elsewhere(packed):
    dataset = DetectionDataset(packed, build_transforms(short_side_px=40, long_side_px=50), seed=0)
    batch = next(iter(EvalBatches(dataset, batch_size=11, size_divisor=32)))
    assert batch.pixels.dtype == torch.uint8
    batch = batch.to("cpu")
    assert batch.pixels.shape == (11, 3, 64, 64)
    assert batch.pixels.dtype == torch.float32
    for i, (width, height) in enumerate(batch.sizes_wh_px.tolist()):
        expected = dataset[SampleKey(0, i)].pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        assert np.array_equal(batch.pixels[i, :, :height, :width], expected)
        assert batch.mask[i, :height, :width].all()
        assert batch.mask[i].sum() == width * height
        assert not batch.pixels[i].masked_select(~batch.mask[i]).any()


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_pixels_lie_in_memory_as_asked(dataset, order):
    batch = next(iter(EvalBatches(dataset, batch_size=2, size_divisor=16)))
    assert batch.to("cpu", channels_last=order == torch.channels_last).pixels.is_contiguous(memory_format=order)


def test_evaluation_shows_each_image_once_and_its_boxes_scale_back(packed):
    truth = {image.image_id: image for image in load_truth(packed)}
    dataset = DetectionDataset(packed, build_transforms(short_side_px=40, long_side_px=50), seed=0)
    seen = []
    for rank in range(3):
        batches = EvalBatches(dataset, batch_size=2, size_divisor=8, rank=rank, world_size=3)
        assert len(batches) == 2
        for batch in itertools.chain(batches):
            for i, image_id in enumerate(batch.image_ids.tolist()):
                seen.append(image_id)
                image = truth[image_id]
                scale = (batch.original_wh_px[i] / batch.sizes_wh_px[i]).repeat(2)
                assert batch.original_wh_px[i].tolist() == [image.width, image.height]
                assert np.allclose(batch.boxes_xyxy_px[i] * scale, image.boxes_xyxy_px, atol=1e-4)
                assert np.array_equal(batch.labels[i], image.labels)
    assert sorted(seen) == sorted(truth)


def test_evaluation_is_repeatable_with_workers_and_can_be_limited(dataset):
    alone = list(EvalBatches(dataset, batch_size=3, size_divisor=16))
    batches = EvalBatches(dataset, batch_size=3, size_divisor=16, num_workers=2)
    for _ in range(2):
        assert all(same(a, b) for a, b in zip(alone, batches, strict=True))
    assert [len(batch) for batch in EvalBatches(dataset, batch_size=3, size_divisor=16, limit=4)] == [3, 1]


def test_batch_of_images_without_boxes_is_a_batch(coco, picture, tmp_path):
    coco.add(picture(16, 16))
    coco.add(picture(20, 8))
    coco.pack(tmp_path / "out")
    dataset = DetectionDataset(tmp_path / "out", build_transforms(short_side_px=16), seed=0)
    (batch,) = EvalBatches(dataset, batch_size=2, size_divisor=1)
    assert [tuple(boxes.shape) for boxes in batch.boxes_xyxy_px] == [(0, 4), (0, 4)]
    assert batch.boxes_xyxy_px[0].dtype == torch.float32
    assert [labels.dtype for labels in batch.labels] == [torch.int64] * 2


def test_crowd_regions_are_not_trained_on(coco, picture, tmp_path):
    coco.add(picture(16, 16), [(0, 0, 8, 8)], iscrowd=1)
    coco.add(picture(16, 16), [(0, 0, 4, 4)])
    coco.pack(tmp_path / "out")
    dataset = DetectionDataset(tmp_path / "out", build_transforms(short_side_px=16), seed=0)
    assert [len(dataset[SampleKey(0, i)].labels) for i in range(2)] == [0, 1]


def test_cache_changes_nothing_but_the_time(packed, dataset):
    decoded = sum(3 * image.width * image.height for image in load_truth(packed))
    cached = DetectionDataset(packed, build_transforms(**RANDOM), seed=3, cache_bytes=decoded)
    assert cached.cached
    assert not DetectionDataset(packed, build_transforms(**RANDOM), seed=3, cache_bytes=decoded - 1).cached
    for workers in (0, 2):
        pairs = zip(train(dataset), train(cached, num_workers=workers), strict=True)
        assert all(same(a, b) for (_, a), (_, b) in pairs)


def test_making_and_reading_batches_leaves_the_global_generators_alone(dataset):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    list(train(dataset, num_workers=1, stop_step=2))
    list(EvalBatches(dataset, batch_size=3, size_divisor=16))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_what_pytorch_remembers_of_sent_tensors_stays_small(dataset):
    """Each of these bytes can keep a whole batch's room from being used again."""
    for _, batch in train(dataset, num_workers=1, stop_step=20):
        assert len(shared_cache) <= 2
        assert batch.pixels.is_shared()


def test_leaving_early_ends_the_workers(dataset):
    before = set(multiprocessing.active_children())
    batches = iter(train(dataset, num_workers=2, stop_step=None))
    next(batches)
    assert len(set(multiprocessing.active_children()) - before) == 2
    batches.close()
    deadline = time.monotonic() + 5
    while set(multiprocessing.active_children()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(multiprocessing.active_children()) - before


def test_workers_obey_their_parent_but_are_out_of_reach_of_a_signal_to_its_group(dataset):
    before = set(multiprocessing.active_children())
    batches = iter(train(dataset, num_workers=2))
    next(batches), next(batches)  # one from each worker: both have started
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    assert os.getpgid(0) not in {os.getpgid(worker.pid) for worker in workers}
    for worker in workers:  # what happens at the exit of a program that failed in the middle of its batches
        worker.terminate()
        worker.join(20)
        assert worker.exitcode == 0
    batches.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 5, "world_size": 2}, "batch_size is 5; it must be a positive multiple of the 2"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"canvas_wh_px": (64, 60)}, r"canvas_wh_px is \(64, 60\); both sides must be multiples of size_divisor 16"),
        ({"size_divisor": 0}, "size_divisor is 0"),
    ],
)
def test_impossible_option_is_named(dataset, options, message):
    with pytest.raises(ValueError, match=message):
        train(dataset, **options)


def test_image_larger_than_the_canvas_is_refused(dataset):
    with pytest.raises(ValueError, match="canvas_wh_px is 16x16, but the batch needs"):
        list(train(dataset, canvas_wh_px=(16, 16)))


def test_sample_of_256_px_takes_less_than_two_milliseconds_of_cpu(coco, picture, tmp_path):
    import cv2

    smooth = cv2.GaussianBlur(picture(256, 256), (0, 0), 3)
    for i in range(8):
        encoded = cv2.imencode(".jpg", smooth)[1].tobytes()
        coco.add(encoded, [(10, 10, 50, 50)], size=(256, 256), name=f"{i}.jpg")
    coco.pack(tmp_path / "out")
    transform = build_transforms(short_side_px=256, scale_jitter=(0.7, 1.4), flip_probability=0.5, brightness=0.2)
    dataset = DetectionDataset(tmp_path / "out", transform, seed=0)
    rounds = []
    for epoch in range(5):  # the best of five, because other processes share the caches
        start = time.thread_time()
        for position in range(8):
            dataset[SampleKey(epoch, position)]
        rounds.append((time.thread_time() - start) / 8)
    assert min(rounds) < 2e-3
