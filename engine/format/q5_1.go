package format

func quantizeQ5_1(dst []byte, src []float32) { panic("being written") }

func dequantizeQ5_1(dst []float32, src []byte) { panic("being written") }
