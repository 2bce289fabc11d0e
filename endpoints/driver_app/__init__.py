"""The app that runs on a cluster's driver node and serves a model over HTTP."""

__version__ = "0.1.0"
