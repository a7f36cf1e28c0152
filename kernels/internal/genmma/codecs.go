package main

import "fmt"

// codecs are the quantised formats, in the order of package format.
func codecs() []codec {
	q := plane{"q", 32, 16, 16, 1, true}
	d := plane{"d", 32, 2, 16, 4, false}
	dm := plane{"dm", 32, 4, 16, 2, false}
	high := plane{"h", 32, 4, 16, 2, false}
	record := plane{"s", 256, 16, 16, 4, false}
	pairsOf64 := plane{"q", 64, 16, 16, 2, true}

	fourBits := func(r namer, i int) string { return nibbles(r("q", i/2), i) }
	fiveBits := func(r namer, i int) string { return nibbles(r("q", i/2), i) + more(r("high", 0), i, 1, 4) }
	return []codec{
		{
			format: "Q4_0", blockLen: 32, unit: 32, planes: []plane{q, d}, origin: 8,
			ofRow:   fewOneScale,
			value:   "w = d * (code - 8)",
			picture: []string{nibblePicture, "d        f16 [N, K/32]"},
			quad:    fourBits, scales: oneScale, advance: advanceFour("d"),
		},
		{
			format: "Q4_1", blockLen: 32, unit: 32, planes: []plane{q, dm}, minima: true,
			ofRow:   fewScaleAndMin,
			value:   "w = d * code + m",
			picture: []string{nibblePicture, "dm       f16 [N, K/32, 2]  d, m"},
			quad:    fourBits, scales: scaleAndMin, advance: advanceTwo("dm"),
		},
		{
			format: "Q5_0", blockLen: 32, unit: 32, planes: []plane{q, high, d}, origin: 16,
			ofRow:   bothOfRow(fewHigh, fewOneScale),
			value:   "w = d * (code - 16)",
			picture: []string{nibblePicture, bitPicture, "d        f16 [N, K/32]"},
			quad:    fiveBits, scales: both(ownHigh, oneScale), advance: append(advanceTwo("h"), advanceFour("d")...),
			regs: []string{".reg .b32 %high0;"},
		},
		{
			format: "Q5_1", blockLen: 32, unit: 32, planes: []plane{q, high, dm}, minima: true,
			ofRow:   bothOfRow(fewHigh, fewScaleAndMin),
			value:   "w = d * code + m",
			picture: []string{nibblePicture, bitPicture, "dm       f16 [N, K/32, 2]  d, m"},
			quad:    fiveBits, scales: both(ownHigh, scaleAndMin), advance: append(advanceTwo("h"), advanceTwo("dm")...),
			regs: []string{".reg .b32 %high0;"},
		},
		{
			format: "Q8_0", blockLen: 32, unit: 32, origin: 128,
			ofRow:  fewOneScale,
			planes: []plane{{"q0_", 32, 16, 16, 1, true}, {"q1_", 32, 16, 16, 1, true}, d},
			value:  "w = d * code, code -128..127",
			picture: []string{
				"q0, q1   s8  [N, K/32, 16]  codes of numbers 0..15 and 16..31 of 32",
				"d        f16 [N, K/32]",
			},
			quad: func(r namer, i int) string {
				return fmt.Sprintf("xor.b32 %%c, %s, 0x80808080;", r(fmt.Sprintf("q%d_", i/4), i%4))
			},
			scales: oneScale, advance: advanceFour("d"),
		},
		{
			format: "Q2_K", blockLen: 256, unit: 64, minima: true,
			ofRow: fewQ2_K, ofPiece: pieceOfQ2_K,
			planes: []plane{pairsOf64, {"s", 64, 4, 16, 4, false}, {"dm", 256, 4, 4, 4, false}},
			value:  "w = d * scale * code - dm * minimum",
			picture: []string{
				pairPicture,
				"s        u8  [N, K/16]  low nibble scale, high nibble minimum of 16 numbers",
				"dm       f16 [N, K/256, 2]  d, dm",
			},
			quad: func(r namer, i int) string { return pairs(r("q", i/4), i) }, scales: twoOfQ2_K, wide: true,
			advance: append(codesOf64(), scalesOf64()...), regs: []string{".reg .b32 %two;"},
		},
		{
			format: "Q3_K", blockLen: 256, unit: 64, origin: 4,
			ofRow: fewQ3_K, ofPiece: pieceOfQ3_K,
			planes: []plane{pairsOf64, {"h", 64, 8, 8, 2, true}, record},
			value:  "w = d * scale * (code - 4)",
			picture: []string{
				pairPicture,
				"h        u32 [N, K/32]  bit 2: word i has the four codes from 4j on at bits j, j+8, j+16, j+24, j < 8",
				"s        16 bytes [N, K/256]  bits 6j..6j+5 scale + 32 of 16 numbers, j < 16; f16 d; 2 bytes 0",
			},
			quad:   func(r namer, i int) string { return pairs(r("q", i/4), i) + more(r("h", i/8), i, 1, 2) },
			scales: twoOfQ3_K, wide: true, advance: append(append(codesOf64(), "mov.b32 %h0, %h1;"), sixBitTurns...),
			regs: []string{".reg .b32 %two;"},
		},
		{
			format: "Q4_K", blockLen: 256, unit: 32, planes: []plane{q, record}, minima: true,
			ofRow:   fewSixBits,
			value:   "w = d * scale * code - dm * minimum",
			picture: []string{nibblePicture, scaleMinPicture},
			quad:    fourBits, scales: sixBitScaleAndMin, wide: true, advance: twelveBitTurn,
		},
		{
			format: "Q5_K", blockLen: 256, unit: 32, planes: []plane{q, high, record}, minima: true,
			ofRow:   bothOfRow(fewHigh, fewSixBits),
			value:   "w = d * scale * code - dm * minimum",
			picture: []string{nibblePicture, bitPicture, scaleMinPicture},
			quad:    fiveBits, scales: both(ownHigh, sixBitScaleAndMin), wide: true, advance: append(advanceTwo("h"), twelveBitTurn...),
			regs: []string{".reg .b32 %high0;"},
		},
		{
			format: "Q6_K", blockLen: 256, unit: 64, origin: 32,
			ofRow: fewQ6_K, ofPiece: pieceOfQ6_K,
			planes: []plane{{"q0_", 64, 16, 16, 2, true}, {"q1_", 64, 16, 16, 2, true}, {"h", 64, 16, 16, 2, true},
				{"s", 64, 4, 16, 4, false}, {"d", 256, 2, 2, 4, false}},
			value: "w = d * scale * (code - 32)",
			picture: []string{
				"q0, q1   u8  [N, K/64, 16]  bits 3..0 of numbers 0..31 and 32..63 of 64; word i: codes 8i..8i+3 in",
				"                         the low nibbles of its bytes, 8i+4..8i+7 in the high ones",
				"h        u32 [N, K/16]  bits 5 4: word i has the four codes from 4j on at bits 2j, 2j+8, +16, +24, j < 4",
				"s        s8  [N, K/16]  scale of 16 numbers",
				"d        f16 [N, K/256]",
			},
			quad: func(r namer, i int) string {
				return nibbles(r(fmt.Sprintf("q%d_", i/8), i%8/2), i) + more(r("h", i/4), i, 2, 4)
			},
			scales: twoOfQ6_K, wide: true,
			advance: append([]string{
				"mov.b32 %q0_0, %q1_0; mov.b32 %q0_1, %q1_1; mov.b32 %q0_2, %q1_2; mov.b32 %q0_3, %q1_3;",
				"mov.b32 %h0, %h2; mov.b32 %h1, %h3;",
			}, scalesOf64()...),
			regs: []string{".reg .b32 %two;"},
		},
	}
}

const (
	nibblePicture = "q        u8  [N, K/32, 16]  bits 3..0; word i of 4: codes 8i..8i+3 in the low nibbles of its bytes,\n" +
		"//                           8i+4..8i+7 in the high ones"
	bitPicture = "h        u32 [N, K/32]  bit 4: the four codes from 4j on at bits j, j+8, j+16, j+24, j < 8"

	pairPicture = "q        u32 [N, K/16]  bits 1 0: word i has the four codes from 4j on at bits 2j, 2j+8, +16, +24, j < 4"

	scaleMinPicture = "s        16 bytes [N, K/256]  f16 d, dm; then bits 12j..12j+5 scale, 12j+6..12j+11 minimum of\n" +
		"//                           32 numbers, j < 8"
)
