package tokenizer

import "unicode/utf8"

// Byte-level vocabularies write each byte as one visible character: the printable characters of Latin-1 stand
// for themselves, and the other 68 bytes are U+0100, U+0101 and so on in ascending order, so that a space is
// U+0120. From GPT-2's encoder.py, bytes_to_unicode.

// maxMapped is the last character of the alphabet.
const maxMapped = 0x143

var byteToRune, runeToByte = byteAlphabet()

func byteAlphabet() (forth [256]rune, back [maxMapped + 1]int16) {
	for r := range back {
		back[r] = -1
	}
	next := rune(0x100)
	for b := range forth {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE) {
			r = next
			next++
		}
		forth[b], back[r] = r, int16(b)
	}
	return forth, back
}

// appendMapped writes the bytes of s in the byte alphabet.
func appendMapped(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = utf8.AppendRune(dst, byteToRune[s[i]])
	}
	return dst
}

// appendUnmapped is the inverse; ok is false if s has a character outside the alphabet.
func appendUnmapped(dst []byte, s string) (out []byte, ok bool) {
	for _, r := range s {
		if r > maxMapped || runeToByte[r] < 0 {
			return dst, false
		}
		dst = append(dst, byte(runeToByte[r]))
	}
	return dst, true
}
