"""What all rooms rest on: errors, limits, dtypes, names, time.

In: nothing of gradcalc. Out: the words that everything else is said in.
"""
