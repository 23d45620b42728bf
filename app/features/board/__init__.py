"""看板: the built-in pages. They are files; everything they show comes from the public API."""
