"""The parts of the actor `sync`; its plan is told in `actors.sync`."""
