"""Sweeps: one program at many points.

In: a program, points from files and grids. Out: tables with a verdict for each point.
"""
