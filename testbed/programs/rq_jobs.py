"""The jobs of rq_worker.py."""


def add(a, b):
    return a + b


def fail():
    raise ValueError("as wanted")
