"""Shows plans, events and recaps."""
