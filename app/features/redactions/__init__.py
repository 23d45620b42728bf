"""脱敏: two persons remove words from an item, and the history goes on proving everything else."""
