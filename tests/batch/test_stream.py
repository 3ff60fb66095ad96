"""The stream: in order, bounded, without waiting for input that has not come."""

from __future__ import annotations

import functools
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


def echo(chunk, deliver):
    """Answer records by their lines, the odd chunks last."""
    time.sleep(0.002 * (chunk[0].line % 3))
    deliver([record.line for record in chunk])
    return 0.01


def through(executor):
    """Submit chunks to be echoed."""
    return functools.partial(executor.submit, echo)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 7, 3000])
def test_answers_come_once_in_order(threads, count):
    with ThreadPoolExecutor(threads) as executor:
        batches = list(in_order(numbered(count), through(executor), 4 * threads))
    assert lines(batches) == list(range(1, count + 1))
    assert not batches or batches[-1].position == 10 * count


def test_so_much_is_under_way_and_read_ahead_and_no_more():
    read, sizes, futures = [], [], []

    def records():
        for record, position in numbered(10**6):
            read.append(record.line)
            yield record, position

    def submit(chunk, deliver):
        sizes.append(len(chunk))
        futures.append(Future())
        if len(futures) == 1:
            deliver([1])
            futures[0].set_result(0.0)
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

    def submit(chunk, deliver):
        sizes.append(len(chunk))
        future = Future()
        deliver([record.line for record in chunk])
        future.set_result(0.0)
        time.sleep(0.01)
        assert len(read) <= sum(sizes) + 2
        return future

    assert lines(in_order(records(), submit, 2)) == list(range(20))
    assert set(sizes) == {1}


def test_answers_of_a_chunk_are_given_as_they_come_and_behind_those_before_it():
    flights = []

    def submit(chunk, deliver):
        flights.append((chunk, deliver, Future()))
        return flights[-1][2]

    batches = in_order(numbered(3), submit, 3)
    given = []
    consumer = threading.Thread(target=lambda: given.extend(lines([batch]) for batch in batches))
    consumer.start()

    def until(expected):
        end = time.monotonic() + 5
        while given != expected and time.monotonic() < end:
            time.sleep(0.001)
        assert given == expected

    until([])
    while sum(len(chunk) for chunk, _, _ in flights) < 3:
        time.sleep(0.001)
    flights[-1][1](["last"])
    flights[-1][2].set_result(0.0)
    for _, deliver, _ in flights[:-1]:
        deliver(["before"])
    until([["before"]])
    for _, _, future in flights[:-1]:
        future.set_result(0.0)
    consumer.join(5)
    assert given == [["before"], ["before"], ["last"]]


def test_answer_is_given_while_the_next_record_is_awaited():
    more = threading.Event()

    def records():
        yield Record("first", line=1), 1
        more.wait(20)
        yield Record("second", line=2), 2

    with ThreadPoolExecutor(1) as executor:
        batches = in_order(records(), through(executor), 4)
        assert next(batches).answers == [1]
        assert not more.is_set()
        more.set()
        assert lines(batches) == [2]


def test_problem_with_reading_is_raised_after_the_answers():
    def records():
        yield Record("first", line=1), 1
        raise OSError("no such disk")

    with ThreadPoolExecutor(1) as executor:
        batches = in_order(records(), through(executor), 4)
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
        batches = in_order(records(), through(executor), 4)
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
