"""Events pushed to other systems as they happen: signed, in order for each item, until they are taken."""
