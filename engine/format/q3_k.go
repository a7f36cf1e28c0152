package format

func quantizeQ3_K(dst []byte, src []float32) { panic("being written") }

func dequantizeQ3_K(dst []float32, src []byte) { panic("being written") }
