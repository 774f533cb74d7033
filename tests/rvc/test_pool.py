"""Models are loaded once, the longest unused go first, and a device serves one job at a time."""
import threading
import time

import pytest
import torch

from rvc.pool import Pool


def test_what_is_kept_is_not_loaded_again():
    pool, loaded = Pool(), []
    for _ in range(3):
        assert pool.get("voice", "a", lambda: loaded.append(1) or "model") == "model"
    assert loaded == [1] and pool.loads == {"voice": 1}


def test_of_one_kind_the_longest_unused_goes_first():
    pool = Pool(limit=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        pool.get("voice", key, lambda key=key: key)
    pool.get("encoder", "a", lambda: "another kind")
    assert pool.loads == {"voice": 4, "encoder": 1}


def test_a_failed_load_keeps_nothing():
    pool = Pool()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pool.get("voice", "a", lambda: 1 / 0)
    assert pool.get("voice", "a", lambda: "model") == "model"


def test_a_device_serves_one_at_a_time():
    pool, inside, most = Pool(), [], []

    def work():
        with pool.using(torch.device("cpu")):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most == [1, 1, 1, 1]
