"""The witness calculus: formulas of the derivatives, and their values.

In: a scalar program. Out: `Calculus`, made with SymEngine, and with sympy where that has no answer.
"""
