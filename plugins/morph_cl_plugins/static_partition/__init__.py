"""A static partition: hidden units owned by tags of classes, of which only the tagged part is computed and trained."""
