"""What all rooms rest on: errors, limits, dtypes, names, time.

In: nothing of gradcalc. Out: `GradcalcError`, `Dtype`, `Options`, bounds and time limits.
"""
