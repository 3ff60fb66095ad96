"""Results: all that a renderer may know, frozen, with nothing left to compute.

In: judged numbers. Out: `Report` and its parts, the `Table`s of a sweep, and what a run comes to.
"""
