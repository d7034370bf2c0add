"""What Redis keeps, and how it is written and read: records of jobs, events, lanes, workers."""
