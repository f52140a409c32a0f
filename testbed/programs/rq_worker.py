"""RQ's worker: jobs, one that depends on others, one that fails and is tried again, one that is due later."""
import os
import time
from datetime import timedelta

from redis import Redis
from rq import Queue, Retry, Worker
from rq.registry import FailedJobRegistry, FinishedJobRegistry

import rq_jobs

redis = Redis(port=int(os.environ["PORT"]))
queue = Queue(connection=redis)
jobs = [queue.enqueue(rq_jobs.add, i, 1) for i in range(20)]
after = queue.enqueue(rq_jobs.add, 100, 1, depends_on=jobs[:3])
failing = queue.enqueue(rq_jobs.fail, retry=Retry(max=2))
later = queue.enqueue_in(timedelta(seconds=1), rq_jobs.add, 5, 5)
Worker([queue], connection=redis).work(burst=True, with_scheduler=True, logging_level="CRITICAL")
time.sleep(1.5)
Worker([queue], connection=redis).work(burst=True, with_scheduler=True, logging_level="CRITICAL")
print([job.result for job in jobs], after.result, later.result)
print([job.get_status(refresh=True) for job in (after, failing, later)])
print(len(FailedJobRegistry(queue=queue)), len(FinishedJobRegistry(queue=queue)), queue.count, len(redis.keys("rq:*")))
