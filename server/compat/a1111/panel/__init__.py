"""What a client shows and sets beside pictures: lists, options, progress, recipes, the machine."""
