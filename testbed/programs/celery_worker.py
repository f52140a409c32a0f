"""Celery's worker, with Redis as broker and for results: groups, chords, chains, retries, delays, remote control."""
import subprocess
import sys

from celery import chain, chord, group

from celery_tasks import add, app, third_time, total

worker = subprocess.Popen([sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-c", "2", "-l", "warning"], stdout=sys.stderr)
try:
    print(sum(result.get(timeout=40) for result in [add.delay(i, i) for i in range(50)]))
    print(group(add.s(i, 1) for i in range(10))().get(timeout=20))
    print(chord((add.s(i, 1) for i in range(10)), total.s())().get(timeout=20))
    print(chain(add.s(1, 2), add.s(3))().get(timeout=20))
    print(third_time.delay(7).get(timeout=30))
    print(add.apply_async((1, 2), countdown=1).get(timeout=20))
    add.apply_async((1, 2), countdown=60).revoke()
    print(len(app.control.ping(timeout=3)), [sorted(names) for names in app.control.inspect(timeout=3).registered().values()])
    app.control.shutdown()
    print(worker.wait(timeout=20))
finally:
    worker.kill()
