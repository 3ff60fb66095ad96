"""Exact numbers: values and derivatives of a scalar program as balls that certainly hold them.

In: a scalar program, a point. Out: balls as narrow as the dtype asks. It is arithmetic and no
witness: calculus and the limit share its numbers, not its chain rule.
"""
