"""What the API asks of a machine's models: one worker of it adds, changes, removes and looks up."""
