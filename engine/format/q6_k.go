package format

func quantizeQ6_K(dst []byte, src []float32) { panic("being written") }

func dequantizeQ6_K(dst []float32, src []byte) { panic("being written") }
