package format

func quantizeQ4_K(dst []byte, src []float32) { panic("being written") }

func dequantizeQ4_K(dst []float32, src []byte) { panic("being written") }
