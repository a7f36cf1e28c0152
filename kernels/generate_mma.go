package kernels

//go:generate go run ./internal/genmma .
