"""The judge: an FCN trained on TRAIN alone, in whose features FID, IS and cFID are measured."""
