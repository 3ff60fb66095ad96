"""The commands, a module for each; `cli` puts them together.

A command reads its options, asks `calculate` or `batch`, and prints what a renderer makes of the
answer. torch and sympy are imported when a witness first needs them.
"""
