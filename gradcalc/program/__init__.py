"""Programs: a flat list of steps, the one loop over it, and writing it out as scalars.

In: steps, with the rows of the function table that they name. Out: `Program`, which each witness
reads in its own arithmetic.
"""
