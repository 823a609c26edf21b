"""Files, locks and folders: what the program keeps on disk, and how names of files become text."""
