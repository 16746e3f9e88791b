"""What leaves the process about its own work: logs, counts, reports; never a word of anybody."""
