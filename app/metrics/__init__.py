"""What the figures mean: definitions as data, the sets they count as SQL, and the arithmetic at the edge."""
