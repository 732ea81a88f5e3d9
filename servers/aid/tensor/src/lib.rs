//! Inference operators and their kernels.
#![no_std]
