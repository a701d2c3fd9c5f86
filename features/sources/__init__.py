"""Where tables come from: a folder of files, or a data set with traps of its own."""
