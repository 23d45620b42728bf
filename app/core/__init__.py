"""What any service needs and what knows nothing about rectification."""
