"""Manifests in files: read, checked and tied together, every fault told with its file and line.

`loading.load` is the way in. It lies in the layer of the command line because it reads files; the checks
themselves are those of `batchpoint.api` and `batchpoint.planning`, which the operator uses as well.
"""
