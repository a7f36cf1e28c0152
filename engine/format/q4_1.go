package format

func quantizeQ4_1(dst []byte, src []float32) { panic("being written") }

func dequantizeQ4_1(dst []float32, src []byte) { panic("being written") }
