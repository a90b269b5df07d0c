"""Building blocks of the networks: bands of the Fourier transform, layers, the quantiser."""
