"""What to do: pure functions from what was observed to what comes next.

No I/O, no clock, no randomness, no logging. What varies is an argument; the same arguments always give
the same answer.
"""
