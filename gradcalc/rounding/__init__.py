"""Rounding: how far it alone can carry autograd's numbers from the exact ones.

In: a scalar program, a point or many, a dtype. Out: bounds of errors.
"""
