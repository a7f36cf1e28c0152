package format

func quantizeQ4_0(dst []byte, src []float32) { panic("being written") }

func dequantizeQ4_0(dst []float32, src []byte) { panic("being written") }
