"""Other people's task queues, each as its own documentation sets it up."""
