"""Files on disk: the directory of a run and how it is written."""
