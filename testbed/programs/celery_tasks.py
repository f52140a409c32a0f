"""The tasks of celery_worker.py, for the worker and for who calls them."""
import os

from celery import Celery

url = f"redis://127.0.0.1:{os.environ['PORT']}/0"
app = Celery("tasks", broker=url, backend=url)
app.conf.update(result_expires=60, worker_prefetch_multiplier=1)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def third_time(self, n):
    if self.request.retries < 2:
        raise self.retry(countdown=0.3)
    return n
