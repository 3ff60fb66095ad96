"""Batches: many questions, answered in order, in processes of their own.

In: lines of files. Out: one answer for each, whatever a line does to the process that answers it.
"""
