"""The bridge to Avalanche: whole-tensor data sets and loaders, benchmarks, the recorder, checkpoints."""
