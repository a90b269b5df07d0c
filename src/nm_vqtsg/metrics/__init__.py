"""How real are the samples: the judge (FCN), ROCKET features, FID, IS, cFID and their uncertainty."""
