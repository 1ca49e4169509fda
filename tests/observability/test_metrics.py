"""The exposition is valid whatever is counted, and the manual describes every metric."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from flask import Flask

from relay.ingest.refusals import RefusalCode
from relay.observability import metrics
from relay.observability.exposition import exposition
from relay.observability.metrics import METRICS, Counter, Histogram, bounded
from tests.support.sink import Sink
from tests.support.world import make

ROOT = Path(__file__).resolve().parents[2]
NUMBER = count()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data directory without counts, and no metrics that other tests made."""
    known = list(METRICS)
    metrics.init_metrics(tmp_path)
    yield tmp_path
    METRICS[:] = known


def check(text: str) -> None:
    """Raises AssertionError with what promtool says."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{text}"


def shown() -> str:
    return exposition().decode()


@pytest.mark.parametrize(
    "value", ['a "quoted"', "back\\slash", "two\nlines", "", "é 💶", "a" * 500]
)
def test_any_label_value_is_valid(folder: Path, value: str) -> None:
    Counter(f"relay_one_{next(NUMBER)}_total", "One.", ["of"]).labels(value).inc()
    check(shown())


def test_a_metric_without_labels_is_shown_before_it_is_counted(folder: Path) -> None:
    text = shown()
    check(text)
    assert "relay_events_accepted_total 0.0" in text
    assert 'relay_ingest_seconds_bucket{le="+Inf"} 0.0' in text
    assert not (folder / "metrics").exists()


def test_a_histogram_counts_into_the_bucket_of_its_upper_bound(folder: Path) -> None:
    seconds = Histogram(f"relay_some_{next(NUMBER)}_seconds", "Some.", buckets=(0.1, 1))
    for value in (0.05, 0.1, 0.5, 7):
        seconds.observe(value)
    text = shown()
    for end in (
        '_bucket{le="0.1"} 2.0',
        '_bucket{le="1.0"} 3.0',
        '_bucket{le="+Inf"} 4.0',
        "_count 4.0",
        "_sum 7.65",
    ):
        assert seconds.name + end in text
    check(text)


def test_counts_of_a_process_that_was_killed_are_in_the_sum(folder: Path) -> None:
    for _ in range(3):
        pid = os.fork()
        if not pid:
            metrics.events_accepted.inc()
            os.kill(os.getpid(), 9)
        os.waitpid(pid, 0)
    metrics.events_accepted.inc()
    assert "relay_events_accepted_total 4.0" in shown()
    assert len(list((folder / "metrics").glob("*.counts"))) == 1


def test_other_buckets_of_an_older_version_are_not_mixed_in(folder: Path) -> None:
    name = f"relay_old_{next(NUMBER)}_seconds"
    pid = os.fork()
    if not pid:
        Histogram(name, "Old.", buckets=(1, 2)).observe(1)
        os._exit(0)
    os.waitpid(pid, 0)
    Histogram(name, "New.", buckets=(5, 6)).observe(1)
    assert f'{name}_bucket{{le="5.0"}} 1.0' in shown()


def test_further_label_values_are_counted_as_other(folder: Path) -> None:
    counter = Counter(f"relay_many_{next(NUMBER)}_total", "Many.", ["of"])
    for number in range(metrics.MAX_SERIES + 50):
        counter.labels(f"value {number}").inc()
    text = shown()
    assert f'{counter.name}{{of="other"}} 50.0' in text
    assert text.count(f"{counter.name}{{") == metrics.MAX_SERIES + 1


def test_a_gauge_has_at_most_200_values() -> None:
    many = {f"destination {number}": float(number) for number in range(1000)}
    kept = bounded(many)
    assert len(kept) == metrics.MAX_SERIES
    assert kept["destination 999"] == 999
    assert sum(kept.values()) == sum(many.values())
    assert bounded(many, max)["other"] == 800
    assert bounded({"a": 1.0}) == {"a": 1.0}


def test_the_reasons_of_rejections_are_few() -> None:
    assert (
        len({row.value.reason or row.value.error for row in RefusalCode}) < metrics.MAX_SERIES / 2
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_manual_describes_every_metric(app: Flask, sink: Sink) -> None:
    make(app, sink)
    text = app.test_client().get("/metrics").text
    check(text)
    manual = (ROOT / "docs/observability.md").read_text(encoding="utf-8")
    described = dict(re.findall(r"^\| `(relay_\w+)` \| (counter|gauge|histogram) \|", manual, re.M))
    assert described == dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
