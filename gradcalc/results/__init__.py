"""Results: all that a renderer may know, frozen, with nothing left to compute.

In: judged numbers. Out: `Report` and its parts, and what a run of many reports comes to.
"""
