"""The loop that every trained network shares: schedule, order of the data, checkpoints, precision, health."""
