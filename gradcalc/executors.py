"""Where chunks are answered: in processes of this machine, or on a Dask cluster.

In: the job that all chunks have in common. Out: a `Submit` of `stream`, made of an executor as
`concurrent.futures` has it, and how many chunks it can do at a time. Both run the same function;
what it runs in a process of its own, it does on a node of the cluster too.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from gradcalc.chunks import Job, answer_chunk, started_workers
from gradcalc.stream import Submit


@contextlib.contextmanager
def local(jobs: int, job: Job) -> Iterator[Submit]:
    """Answer so many chunks at a time on this machine; at the end all processes are gone."""
    workers = started_workers(jobs)
    # A thread for each worker, which waits for it and replaces it.
    threads = ThreadPoolExecutor(jobs)
    answer = functools.partial(answer_chunk, workers, job=job)
    try:
        yield functools.partial(threads.submit, answer)
    finally:
        workers.close()
        threads.shutdown(cancel_futures=True)
