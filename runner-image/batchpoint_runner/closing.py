"""How a job is closed: merged and decided, or ended by a fault; either way with reports for people.

Each step may be repeated by another process after a crash at any point, and then has no effect.
"""
