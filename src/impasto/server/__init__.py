"""The web server: jobs over HTTP, for the studio page and for programs.

It takes requests, keeps files and tells how far jobs are; it never computes.  Torch is only in its child processes: one that
looks at pictures, one for each estimate, and the workers.
"""
