package main

// codecs are the formats, in the order of package format.
func codecs() []codec {
	d := plane{"d", 32, 2}
	dm := plane{"dm", 32, 4}
	q := plane{"q", 32, 16}
	pairsOf64 := plane{"q", 64, 16}
	high := plane{"h", 32, 4}
	record := plane{"s", 256, 16}
	return []codec{
		{
			format: "F32", blockLen: 1, unit: 4, depth: 4, planes: []plane{{"w", 1, 4}},
			picture: []string{"w        f32 [N, K]  rows padded with zeros to 16 bytes"},
			row:     rowF32, load: loadF32, eight: func(*text) {},
		},
		{
			format: "F16", blockLen: 1, unit: 8, depth: 4, planes: []plane{{"w", 1, 2}},
			picture: []string{"w        f16 [N, K]  rows padded with zeros to 16 bytes"},
			row:     rowF16, load: loadHalves, eight: eightF16, regs: []string{".reg .b32 %q<4>;", ".reg .b16 %lo, %hi;"},
		},
		{
			format: "BF16", blockLen: 1, unit: 8, depth: 4, planes: []plane{{"w", 1, 2}},
			picture: []string{"w        bf16 [N, K]  rows padded with zeros to 16 bytes"},
			row:     rowBF16, load: loadHalves, eight: eightBF16, regs: []string{".reg .b32 %q<4>;"},
		},
		{
			format: "Q4_0", blockLen: 32, unit: 32, depth: 4, planes: []plane{q, d}, origin: 8, sums: 32,
			value:   "w = d * (code - 8)",
			picture: []string{nibblePicture, "d        f16 [N, K/32]"},
			row:     rowOf32(nibbles, onlyScale), load: loadNibbles(false, "d"),
			eight: func(t *text) { eightNibbles(t); halfScale(t); eightScaled(t, false) },
			regs:  []string{".reg .b32 %q;", ".reg .b16 %d16;"},
		},
		{
			format: "Q4_1", blockLen: 32, unit: 32, depth: 4, planes: []plane{q, dm}, sums: 32,
			value:   "w = d * code + m",
			picture: []string{nibblePicture, "dm       f16 [N, K/32, 2]  d, m"},
			row:     rowOf32(nibbles, scaleAndMin), load: loadNibbles(false, "dm"),
			eight: func(t *text) { eightNibbles(t); halfScaleAndMin(t); eightScaled(t, true) },
			regs:  []string{".reg .b32 %q, %dm;", ".reg .b16 %lo, %hi;"},
		},
		{
			format: "Q5_0", blockLen: 32, unit: 32, depth: 4, planes: []plane{q, high, d}, origin: 16, sums: 32,
			value:   "w = d * (code - 16)",
			picture: []string{nibblePicture, bitPicture, "d        f16 [N, K/32]"},
			row:     rowOf32(fiveBits, onlyScale), load: loadNibbles(true, "d"),
			eight: func(t *text) { eightNibbles(t); eightBits(t, 4); halfScale(t); eightScaled(t, false) },
			regs:  []string{".reg .b32 %q, %h;", ".reg .b16 %d16;"},
		},
		{
			format: "Q5_1", blockLen: 32, unit: 32, depth: 4, planes: []plane{q, high, dm}, sums: 32,
			value:   "w = d * code + m",
			picture: []string{nibblePicture, bitPicture, "dm       f16 [N, K/32, 2]  d, m"},
			row:     rowOf32(fiveBits, scaleAndMin), load: loadNibbles(true, "dm"),
			eight: func(t *text) { eightNibbles(t); eightBits(t, 4); halfScaleAndMin(t); eightScaled(t, true) },
			regs:  []string{".reg .b32 %q, %h, %dm;", ".reg .b16 %lo, %hi;"},
		},
		{
			format: "Q8_0", blockLen: 32, unit: 32, depth: 2, planes: []plane{{"q0", 32, 16}, {"q1", 32, 16}, d}, origin: 128,
			value: "w = d * code, code -128..127",
			picture: []string{
				"q0, q1   s8  [N, K/32, 16]  codes of numbers 0..15 and 16..31 of 32",
				"d        f16 [N, K/32]",
			},
			row:  rowOf32(signedBytes, onlyScale),
			load: loadQ8_0, eight: eightQ8_0, regs: []string{".reg .b32 %q, %h;", ".reg .b16 %d16;", ".reg .pred %p;"},
		},
		{
			format: "Q2_K", blockLen: 256, unit: 64, depth: 4, planes: []plane{pairsOf64, {"s", 64, 4}, {"dm", 256, 4}}, sums: 16,
			value: "w = d * scale * code - dm * minimum",
			picture: []string{
				pairPicture,
				"s        u8  [N, K/16]  low nibble scale, high nibble minimum of 16 numbers",
				"dm       f16 [N, K/256, 2]  d, dm",
			},
			row: rowOf64(pairs, fourScales), load: loadQ2_K, eight: eightQ2_K,
			regs: []string{".reg .b32 %q, %h, %dm, %s_lo;", ".reg .b16 %lo, %hi;", ".reg .f32 %s;"},
		},
		{
			format: "Q3_K", blockLen: 256, unit: 64, depth: 4, planes: []plane{pairsOf64, {"h", 64, 8}, record}, origin: 4, sums: 16,
			value: "w = d * scale * (code - 4)",
			picture: []string{
				pairPicture,
				"h        u32 [N, K/32]  bit 2: word i has the four codes from 4j on at bits j, j+8, j+16, j+24, j < 8",
				"s        16 bytes [N, K/256]  bits 6j..6j+5 scale + 32 of 16 numbers, j < 16; f16 d; 2 bytes 0",
			},
			row:  rowOf64(threeBits, sixBitScales),
			load: loadQ3_K, eight: eightQ3_K,
			regs: []string{".reg .b32 %q, %h, %s_lo, %s_hi, %shift;", ".reg .b16 %d16;", ".reg .u64 %byte;", ".reg .f32 %s;"},
		},
		{
			format: "Q4_K", blockLen: 256, unit: 32, depth: 4, planes: []plane{q, record}, sums: 32,
			value:   "w = d * scale * code - dm * minimum",
			picture: []string{nibblePicture, scaleMinPicture},
			row:     rowOf32(nibbles, sixBitScaleAndMin),
			load:    func(t *text) { loadNibbles(false, "")(t); loadScaleMins(t) },
			eight:   func(t *text) { eightNibbles(t); scaleMins(t); eightScaled(t, true) },
			regs:    scaleMinRegs,
		},
		{
			format: "Q5_K", blockLen: 256, unit: 32, depth: 4, planes: []plane{q, high, record}, sums: 32,
			value:   "w = d * scale * code - dm * minimum",
			picture: []string{nibblePicture, bitPicture, scaleMinPicture},
			row:     rowOf32(fiveBits, sixBitScaleAndMin),
			load:    func(t *text) { loadNibbles(true, "")(t); loadScaleMins(t) },
			eight:   func(t *text) { eightNibbles(t); eightBits(t, 4); scaleMins(t); eightScaled(t, true) },
			regs:    scaleMinRegs,
		},
		{
			format: "Q6_K", blockLen: 256, unit: 64, depth: 2, origin: 32, sums: 16,
			planes: []plane{{"q0", 64, 16}, {"q1", 64, 16}, {"h", 64, 16}, {"s", 64, 4}, {"d", 256, 2}},
			value:  "w = d * scale * (code - 32)",
			picture: []string{
				"q0, q1   u8  [N, K/64, 16]  bits 3..0 of numbers 0..31 and 32..63 of 64; word i: codes 8i..8i+3 in",
				"                         the low nibbles of its bytes, 8i+4..8i+7 in the high ones",
				"h        u32 [N, K/16]  bits 5 4: word i has the four codes from 4j on at bits 2j, 2j+8, +16, +24, j < 4",
				"s        s8  [N, K/16]  scale of 16 numbers",
				"d        f16 [N, K/256]",
			},
			row:  rowOf64(sixBits, eightBitScales),
			load: loadQ6_K, eight: eightQ6_K,
			regs: []string{".reg .b32 %q, %h, %s_lo;", ".reg .b16 %d16;", ".reg .f32 %s;", ".reg .pred %p;"},
		},
	}
}

var scaleMinRegs = []string{".reg .b32 %q, %h, %dm, %s_lo, %s_hi, %shift;", ".reg .b16 %lo, %hi;", ".reg .u64 %byte;", ".reg .f32 %s;"}

const (
	nibblePicture = "q        u8  [N, K/32, 16]  bits 3..0; word i of 4: codes 8i..8i+3 in the low nibbles of its bytes,\n" +
		"//                           8i+4..8i+7 in the high ones"
	bitPicture = "h        u32 [N, K/32]  bit 4: the four codes from 4j on at bits j, j+8, j+16, j+24, j < 8"

	pairPicture = "q        u32 [N, K/16]  bits 1 0: word i has the four codes from 4j on at bits 2j, 2j+8, +16, +24, j < 4"

	scaleMinPicture = "s        16 bytes [N, K/256]  f16 d, dm; then bits 12j..12j+5 scale, 12j+6..12j+11 minimum of\n" +
		"//                           32 numbers, j < 8"
)
