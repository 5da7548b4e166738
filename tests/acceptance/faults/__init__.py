"""What is done to processes and the links between them: clocks that jump, connections that hang or break."""
