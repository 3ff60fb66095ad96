"""The commands, a module for each; `cli` puts them together.

In: words of the command line. Out: text on standard output, messages on standard error, an exit
code. torch and sympy are imported when a witness first needs them.
"""
