package ptxgen

import (
	"fmt"
	"math"
	"strings"
	"text/template"
)

// sampleMacros are the pieces of the kernels that choose a token. A key of a token is
// 2^23 * order + (2^23 - 1 - id), where order is its logit's bits in unsigned order: the
// greater key is the greater logit or, of equal ones, the lower id, and no two are equal.
func sampleMacros() template.FuncMap {
	return template.FuncMap{
		"key":      sampleKey,
		"distance": sampleDistance,
		"weight":   sampleWeight,
		"bucket":   sampleBucket,
		"scan":     blockScan,
		"find":     sampleFind,
		"f64":      f64,
		// of -MaxFloat32 and token 2^23-1, and of +infinity
		"leastKey":    func() string { return fmt.Sprintf("0x%x", uint64(0x800000)<<23) },
		"infiniteKey": func() string { return fmt.Sprintf("0x%x", uint64(0xff800000)<<23) },
	}
}

// f64 is a number as PTX writes it.
func f64(x float64) string { return fmt.Sprintf("0d%016X", math.Float64bits(x)) }

// sampleKey is the key of a token with that logit; the order of NaN and +infinity is the
// greatest of all.
func sampleKey(dst, logit, id string) string {
	return strings.NewReplacer("DST", dst, "LOGIT", logit, "ID", id).Replace(`{ // DST = 2^23 order(LOGIT) + 2^23 - 1 - ID
        .reg .b32 %order, %turn;
        .reg .u32 %below;
        .reg .u64 %wide;
        .reg .f32 %plain;
        .reg .pred %finite;
        add.rn.f32 %plain, LOGIT, 0f00000000; // -0 becomes 0, which it equals
        mov.b32 %order, %plain;
        shr.s32 %turn, %order, 31;
        or.b32 %turn, %turn, 0x80000000;
        xor.b32 %order, %order, %turn; // positive: the sign bit is set; negative: all bits turn round
        setp.le.f32 %finite, %plain, 0f7F7FFFFF;
        @!%finite mov.b32 %order, 0xffffffff; // NaN or +infinity
        sub.u32 %below, 0x7fffff, ID;
        cvt.u64.u32 %wide, %below;
        mad.wide.u32 DST, %order, 0x800000, %wide;
    }`)
}

// sampleDistance is how far the logit of a key is below the best one.
func sampleDistance(dst, top, key string) string {
	return strings.NewReplacer("DST", dst, "TOP", top, "KEY", key).Replace(`{ // DST = TOP - logit of KEY
        .reg .b64 %high;
        .reg .b32 %order, %turn;
        .reg .f32 %logit;
        .reg .f64 %wide;
        shr.u64 %high, KEY, 23;
        cvt.u32.u64 %order, %high;
        shr.s32 %turn, %order, 31;
        not.b32 %turn, %turn;
        or.b32 %turn, %turn, 0x80000000;
        xor.b32 %order, %order, %turn; // the logit's bits again
        mov.b32 %logit, %order;
        cvt.f64.f32 %wide, %logit;
        sub.rn.f64 DST, TOP, %wide;
    }`)
}

// sampleWeight is the weight of a token at a distance, with the very additions and
// multiplications of package sample, none of them fused. Beyond 28.5 it is 0, as there.
func sampleWeight(dst, distance string) string {
	const log2e, ln2High, ln2Low = 1.44269504088896338700, 6.93147180369123816490e-01, 1.90821492927058770002e-10
	var b strings.Builder
	fmt.Fprintf(&b, `{ // DST = round(2^40 exp(-DISTANCE))
        .reg .f64 %%e, %%k, %%r, %%p, %%t;
        .reg .s64 %%power;
        min.f64 %%e, DISTANCE, %s; // 28.5, whose weight is 0
        neg.f64 %%e, %%e;
        mul.rn.f64 %%k, %%e, %s; // log2(e)
        add.rn.f64 %%k, %%k, %s; // 0.5
        cvt.rmi.f64.f64 %%k, %%k; // e = k ln(2) + r, |r| <= ln(2)/2
        mul.rn.f64 %%t, %%k, %s; // the high digits of ln(2)
        sub.rn.f64 %%r, %%e, %%t;
        mul.rn.f64 %%t, %%k, %s; // its low digits
        sub.rn.f64 %%r, %%r, %%t;
        mov.f64 %%p, %s; // 1/11!
`, f64(28.5), f64(log2e), f64(0.5), f64(ln2High), f64(ln2Low), f64(1.0/39916800))
	factorial := 39916800.0
	for n := 10; n >= 0; n-- {
		factorial /= float64(n + 1)
		fmt.Fprintf(&b, "        mul.rn.f64 %%p, %%p, %%r; add.rn.f64 %%p, %%p, %s; // p r + 1/%d!\n", f64(1/factorial), n)
	}
	fmt.Fprintf(&b, `        cvt.rzi.s64.f64 %%power, %%k;
        add.s64 %%power, %%power, 1023;
        shl.b64 %%power, %%power, 52;
        mov.b64 %%t, %%power; // 2^k
        mul.rn.f64 %%p, %%p, %%t;
        mul.rn.f64 %%p, %%p, %s; // 2^40
        add.rn.f64 %%p, %%p, %s; // 0.5
        cvt.rzi.u64.f64 DST, %%p;
    }`, f64(1<<40), f64(0.5))
	return strings.NewReplacer("DST", dst, "DISTANCE", distance).Replace(b.String())
}

// sampleBucket is 2047 minus the distance in 16ths, at least 0: the buckets of a histogram
// from the best token, in the last, down.
func sampleBucket(dst, distance string) string {
	return strings.NewReplacer("DST", dst, "DISTANCE", distance).Replace(`{ // DST = 2047 - min(floor(16 DISTANCE), 2047)
        .reg .f64 %steps;
        mul.rn.f64 %steps, DISTANCE, ` + f64(16) + `;
        min.f64 %steps, %steps, ` + f64(2047) + `;
        cvt.rzi.u32.f64 DST, %steps;
        sub.u32 DST, 2047, DST;
    }`)
}

// blockScan sums own over the threads before this one, and over all 256. It uses the shared
// array warps of 8 words and reads %lane and %warp. name begins its labels.
func blockScan(name, own, before, total string) string {
	return strings.NewReplacer("NAME", name, "OWN", own, "BEFORE", before, "TOTAL", total).Replace(`{ // BEFORE = sum of OWN of the threads before, TOTAL = of all
        .reg .u32 %o, %low, %high, %at, %w;
        .reg .u64 %other;
        .reg .pred %again, %in;
        mov.u64 BEFORE, OWN;
        mov.u32 %o, 1;
NAME_lanes:
        mov.b64 { %low, %high }, BEFORE;
        shfl.sync.up.b32 %low, %low, %o, 0, 0xffffffff;
        shfl.sync.up.b32 %high, %high, %o, 0, 0xffffffff;
        mov.b64 %other, { %low, %high };
        setp.ge.u32 %in, %lane, %o;
        @%in add.u64 BEFORE, BEFORE, %other;
        shl.b32 %o, %o, 1;
        setp.lt.u32 %again, %o, 32;
        @%again bra NAME_lanes;
        mov.u32 %at, warps;
        mad.lo.u32 %w, %warp, 8, %at;  // &warps[warp]
        setp.eq.u32 %in, %lane, 31;
        @%in st.shared.u64 [%w], BEFORE;
        bar.sync 0;                    // warps[] is written before any is read
        sub.u64 BEFORE, BEFORE, OWN;
        mov.u64 TOTAL, 0;
        mov.u32 %w, 0;
NAME_warps:
        ld.shared.u64 %other, [%at];
        add.u64 TOTAL, TOTAL, %other;
        setp.lt.u32 %in, %w, %warp;
        @%in add.u64 BEFORE, BEFORE, %other;
        add.u32 %at, %at, 8;
        add.u32 %w, %w, 1;
        setp.lt.u32 %again, %w, 8;
        @%again bra NAME_warps;
        bar.sync 0;                    // all have read warps[] before it is written again
    }`)
}

// sampleFind finds in the 2048 sums of shared memory's sums[], from the last down, the
// one at which their running sum reaches rest > 0. Then rest is what of it is needed.
func sampleFind(name, digit, rest string) string {
	return strings.NewReplacer("NAME", name, "DIGIT", digit, "REST", rest).Replace(`{ // the bucket DIGIT in which the sum from above reaches REST
        .reg .u32 %at, %end, %j;
        .reg .u64 %own, %before, %total, %m, %reach;
        .reg .pred %mine, %more;
        mul.lo.u32 %at, %thread, 64;
        mov.u32 %end, sums;
        add.u32 %end, %end, 16376;     // &sums[2047]
        sub.u32 %at, %end, %at;        // &sums[2047 - 8 thread], and seven below it
        mov.u64 %own, 0;
        mov.u32 %j, 0;
NAME_own:
        ld.shared.u64 %m, [%at];
        add.u64 %own, %own, %m;
        sub.u32 %at, %at, 8;
        add.u32 %j, %j, 1;
        setp.lt.u32 %more, %j, 8;
        @%more bra NAME_own;
        add.u32 %at, %at, 64;
        ` + blockScan("NAME", "%own", "%before", "%total") + `
        add.u64 %reach, %before, %own;
        setp.lt.u64 %mine, %before, REST;
        setp.le.and.u64 %mine, REST, %reach, %mine;
        @!%mine bra NAME_found;
        sub.u64 %reach, REST, %before;
NAME_walk:
        ld.shared.u64 %m, [%at];
        setp.le.u64 %mine, %reach, %m;
        @%mine bra NAME_here;
        sub.u64 %reach, %reach, %m;
        sub.u32 %at, %at, 8;
        bra NAME_walk;
NAME_here:
        mov.u32 %j, sums;
        sub.u32 %at, %at, %j;
        shr.u32 %at, %at, 3;
        st.shared.u32 [where], %at;
        st.shared.u64 [left], %reach;
NAME_found:
        bar.sync 0;                    // where and left are written before they are read
        ld.shared.u32 DIGIT, [where];
        ld.shared.u64 REST, [left];
    }`)
}
