"""How long a study will take on this machine, from a short calibration."""
