"""Streams that drift while they are learned: schedules of concepts, and the images that they say."""
