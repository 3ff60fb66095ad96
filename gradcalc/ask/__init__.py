"""The front door: a question in, its `Report` out.

In: text, bindings and options. Out: a `Report`. Here the witnesses are called, each on its own.
"""
