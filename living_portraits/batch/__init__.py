"""Many films from one list: resumable, each whole or not at all, on the cores of one machine or on a cluster."""

from living_portraits.batch.jobs import Job, read_jobs
from living_portraits.batch.run import Summary, run
from living_portraits.batch.shelf import Outcome, Shelf

__all__ = ["Job", "Outcome", "Shelf", "Summary", "read_jobs", "run"]
