"""Judging: from the testimony of the witnesses to a verdict.

In: what autograd, calculus and the limit say of each derivative. Out: entries of a report.
"""
