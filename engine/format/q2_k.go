package format

func quantizeQ2_K(dst []byte, src []float32) { panic("being written") }

func dequantizeQ2_K(dst []float32, src []byte) { panic("being written") }
