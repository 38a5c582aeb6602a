"""One module for each member of `cv_data`: lines of one section in, plain values out; pure."""
