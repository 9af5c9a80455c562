"""What TensorFlow writes, read without TensorFlow: checkpoints, and models of tf.keras in the SavedModel format."""
