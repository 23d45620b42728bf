"""Units, people and the posts that bind them."""
