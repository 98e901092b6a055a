"""The program `batchpoint`: what people type. Knows no storage; starts the runner as a process."""
