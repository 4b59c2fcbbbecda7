"""Settings, schedules, the loop and its state."""
