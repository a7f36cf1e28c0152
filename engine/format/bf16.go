package format

func quantizeBF16(dst []byte, src []float32) { panic("being written") }

func dequantizeBF16(dst []float32, src []byte) { panic("being written") }
