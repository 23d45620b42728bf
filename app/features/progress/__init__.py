"""What has been done: progress reports, outcomes, and the completion reports made of them."""
