package ptxgen

// page is a format of the KV cache's pages.
type page struct {
	Name   string
	Bytes  int  // of a number, without scales
	Blocks bool // 32 numbers share a scale
}

func pages() []page {
	return []page{
		{Name: "f32", Bytes: 4},
		{Name: "f16", Bytes: 2},
		{Name: "q8_0", Bytes: 1, Blocks: true},
	}
}
