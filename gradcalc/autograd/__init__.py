"""The witness autograd: torch runs the program forward and backward.

In: a program, the values of its variables. Out: `Testimony`, what torch says of values, gradients,
leaves and the backward graph.
"""
