"""Neural Mapper for Vector Quantized Time Series Generators (NM-VQTSG)."""

__version__ = "0.1.0"
