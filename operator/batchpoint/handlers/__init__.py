"""Reacting: what kopf hears becomes a wake-up, and every wake-up takes the one path of `reconcile`."""
