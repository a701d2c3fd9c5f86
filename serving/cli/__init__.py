"""The command line `fairshelf`: each verb loads settings, calls one function, and shows what came of it."""
