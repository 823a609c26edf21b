"""Side-by-side measurements: each part is a program of its own, `python -m benchmarks` runs all and writes one table.

Everything is measured on the CPU, in float32, with the threads that PyTorch takes by itself (or OMP_NUM_THREADS), and both sides
of a ratio in one run on one machine.
"""
