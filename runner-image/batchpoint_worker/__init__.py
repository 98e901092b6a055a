"""The worker host: runs user code in the user's image, with the standard library alone.

It is delivered as one zip application, so nothing of Batchpoint need be installed beside the user's
code. Nothing here may import a third-party package at module level, and the syntax stays at
Python 3.8, the oldest that the README promises.
"""
