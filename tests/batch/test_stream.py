"""The stream: in order, bounded, without waiting for input that has not come."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from gradcalc.base import limits
from gradcalc.batch.records import Record
from gradcalc.batch.stream import Undone, _next_size, in_order


def numbered(count):
    for number in range(1, count + 1):
        yield Record(str(number), line=number), 10 * number


def lines(batches):
    return [answer for batch in batches for answer in batch.answers]


def echo(chunk):
    """Answer records by their lines, the odd chunks last."""
    time.sleep(0.002 * (chunk[0].line % 3))
    return [record.line for record in chunk], 0.01


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 7, 3000])
def test_answers_come_once_in_order(threads, count):
    with ThreadPoolExecutor(threads) as executor:
        batches = list(in_order(numbered(count), lambda c: executor.submit(echo, c), 4 * threads))
    assert lines(batches) == list(range(1, count + 1))
    assert not batches or batches[-1].position == 10 * count


def test_so_much_is_under_way_and_read_ahead_and_no_more():
    read, sizes, futures = [], [], []

    def records():
        for record, position in numbered(10**6):
            read.append(record.line)
            yield record, position

    def submit(chunk):
        sizes.append(len(chunk))
        futures.append(Future())
        if len(futures) == 1:
            futures[0].set_result(([1], 0.0))
        return futures[-1]

    batches = in_order(records(), submit, 3)
    assert next(batches).answers == [1]

    def wait_for_more():
        with pytest.raises(Undone) as undone:
            next(batches)
        assert isinstance(undone.value.__cause__, KeyError)

    consumer = threading.Thread(target=wait_for_more)
    consumer.start()
    time.sleep(0.3)
    assert len(futures) == 4
    assert sum(sizes) < len(read) <= sum(sizes) + limits.CHUNK_RECORDS + 1
    for future in futures[1:]:
        future.set_exception(KeyError("given up"))
    consumer.join(5)
    assert not consumer.is_alive()


def test_long_records_are_read_ahead_and_handed_over_one_by_one():
    read, sizes = [], []

    def records():
        for number in range(20):
            read.append(number)
            yield Record("x" * limits.CHUNK_TEXT, line=number), number

    def submit(chunk):
        sizes.append(len(chunk))
        future = Future()
        future.set_result(([record.line for record in chunk], 0.0))
        time.sleep(0.01)
        assert len(read) <= sum(sizes) + 2
        return future

    assert lines(in_order(records(), submit, 2)) == list(range(20))
    assert set(sizes) == {1}


def test_answer_is_given_while_the_next_record_is_awaited():
    more = threading.Event()

    def records():
        yield Record("first", line=1), 1
        more.wait(20)
        yield Record("second", line=2), 2

    with ThreadPoolExecutor(1) as executor:
        batches = in_order(records(), lambda chunk: executor.submit(echo, chunk), 4)
        assert next(batches).answers == [1]
        assert not more.is_set()
        more.set()
        assert lines(batches) == [2]


def test_problem_with_reading_is_raised_after_the_answers():
    def records():
        yield Record("first", line=1), 1
        raise OSError("no such disk")

    with ThreadPoolExecutor(1) as executor:
        batches = in_order(records(), lambda chunk: executor.submit(echo, chunk), 4)
        assert next(batches).answers == [1]
        with pytest.raises(OSError, match="no such disk"):
            next(batches)


def test_records_are_closed_when_nobody_wants_more():
    closed = threading.Event()

    def records():
        try:
            yield from numbered(10**6)
        finally:
            closed.set()

    with ThreadPoolExecutor(1) as executor:
        batches = in_order(records(), lambda chunk: executor.submit(echo, chunk), 4)
        next(batches)
        batches.close()
        assert closed.wait(5)


@pytest.mark.parametrize(
    ("size", "count", "seconds", "expected"),
    [
        (1, 1, 0.001, 2),  # quick: doubled
        (64, 64, 0.1, 128),
        (64, 64, 0.2, 64),
        (64, 64, 0.8, 16),  # slow: what fits
        (64, 64, 60.0, 1),
        (8, 2, 0.1, 4),  # what had come in
        (limits.CHUNK_RECORDS, limits.CHUNK_RECORDS, 0.0, limits.CHUNK_RECORDS),
    ],
)
def test_chunks_grow_to_a_fraction_of_a_second(size, count, seconds, expected):
    assert _next_size(size, count, seconds) == expected
