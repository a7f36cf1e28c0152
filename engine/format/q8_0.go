package format

func quantizeQ8_0(dst []byte, src []float32) { panic("being written") }

func dequantizeQ8_0(dst []float32, src []byte) { panic("being written") }
