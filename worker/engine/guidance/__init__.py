"""What steers each row of a step, and from a network's answers to all rows of a picture to one."""
