"""The shell round the pure core: the owner loop, dispatcher, looks, timers and start-up."""
