"""Exact numbers: values and the chain rule of a scalar program, to as many digits as it takes.

In: a scalar program, a point. Out: numbers whose errors are known. It is arithmetic and no witness:
calculus and the limit share its numbers, not their rules.
"""
