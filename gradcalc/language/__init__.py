"""The language: text to `Program`, and back to text.

In: what a user types, expressions and the values of variables. Out: programs and bindings, or an
error with its place in the text.
"""
