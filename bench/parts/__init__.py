"""What is measured: each module has one `measure`, which returns one sample of one peer."""
