package format

func quantizeQ5_K(dst []byte, src []float32) { panic("being written") }

func dequantizeQ5_K(dst []float32, src []byte) { panic("being written") }
