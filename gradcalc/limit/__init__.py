"""The witness limit: difference quotients, which know no rule of differentiation.

In: a program, a point. Out: one-sided slopes along each axis, or along random directions.
"""
