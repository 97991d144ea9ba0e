"""Fine-tuning: recipes, batches, stages, checkpoints, what is logged."""
