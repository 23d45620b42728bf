"""What the lead unit means to do: measures, criteria, and the plan versions frozen from them."""
