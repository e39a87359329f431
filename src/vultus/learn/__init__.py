"""Learning from folders of pictures: one folder a class, a head on the networks' features."""
