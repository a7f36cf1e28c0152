// Small kernels for the emulator's test against a C compiler. They are compiled
// twice: to PTX by clang, and to a program that runs them on the host and prints
// what each thread computes.
//
//   clang -x cuda --cuda-device-only --cuda-gpu-arch=sm_70 -nocudainc -nocudalib \
//       -O2 -ffp-contract=off -S clang.cu -o clang.ptx
//   clang++ -x c++ -DHOST -O1 -ffp-contract=off -mfma clang.cu -o clang-host && ./clang-host > clang.txt
//
// Debian clang 14.0.6.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

#ifdef HOST
static u32 threadIndex;
#define KERNEL(name) static void name(const u32 *in, u32 *out, u32 n)
#define DEVICE __attribute__((noinline)) static
#define CONSTANT static const
#define INDEX threadIndex
#else
#define KERNEL(name) extern "C" __attribute__((global)) void name(const u32 *in, u32 *out, u32 n)
#define DEVICE __attribute__((device, noinline)) static
#define CONSTANT __attribute__((constant)) static const
#define INDEX __nvvm_read_ptx_sreg_tid_x()
#endif

#define BEGIN u32 i = INDEX; if (i >= n) return; u32 x = in[i], y = in[(i + 1) % n], z = in[(i + 2) % n]

#define fbits(v) __builtin_bit_cast(u32, (float)(v))
#define tofloat(v) __builtin_bit_cast(float, (u32)(v))
#define dbits(v) __builtin_bit_cast(u64, (double)(v))

KERNEL(mix) { BEGIN;
  u32 a = x * 2654435761u ^ (y >> 7), b = (x << 5 | x >> 27) + z;
  a += b * 9; b ^= a >> 3; a = a % (b | 1); b = b / (z | 1) + (i32)a / (i32)(y | 1);
  out[i] = a ^ b * 31 + ((i32)x % 1000) + ((i32)y >> (z & 31));
}

KERNEL(wide) { BEGIN;
  u64 a = (u64)x << 32 | y, b = (u64)z << 17 | 1;
  i64 c = (i64)(a * b) / (i64)(b | 5), d = (i64)a % (i64)(z | 1);
  u64 e = a / (y | 1) + a % b; e ^= e << (x & 63); e += (u64)(c >> (y & 63)); e ^= (u64)d;
  unsigned __int128 p = (unsigned __int128)a * b; e += (u64)(p >> 64);
  out[i] = (u32)e ^ (u32)(e >> 32);
}

KERNEL(collatz) { BEGIN;
  u32 v = x % 5000 + 1, steps = 0;
  while (v != 1 && steps < 500) { v = v & 1 ? 3 * v + 1 : v / 2; steps++; }
  out[i] = steps;
}

KERNEL(branches) { BEGIN;
  u32 r = 0;
  for (u32 k = 0; k < (x & 15); k++) {
    switch ((x >> k) & 7) {
    case 0: r += k; break;
    case 1: r *= 3; break;
    case 2: r ^= y; if (r & 1) continue; r++; break;
    case 3: r -= z; break;
    case 4: if (k > 8) goto done; r = ~r; break;
    case 6: r = r >> 1 | k << 20;
    default: r += 17;
    }
  }
done:
  out[i] = r;
}

KERNEL(bits) { BEGIN;
  u32 r = __builtin_popcount(x) + 100 * __builtin_clz(y | 1) + 10000 * __builtin_ctz(z | 0x80000000u);
  r ^= __builtin_bswap32(x) + __builtin_bitreverse32(y);
  r += __builtin_popcountll((u64)x << 13 ^ y) ^ (u32)__builtin_clzll((u64)y << 9 | 1);
  r ^= (x & 0xf0f0f0f0u) >> 4 | (y & 0x0f0f0f0fu) << 4;
  r += (x >> 8 & 0xff) * (y >> 16 & 0xff) + ((i32)(z << 20) >> 24);
  out[i] = r ^ (x ^ y ^ z) ^ ((x & y) | (y & z) | (z & x));
}

KERNEL(sorting) { BEGIN;
  u32 a[12];
  for (u32 k = 0; k < 12; k++) a[k] = (x * (k + 1)) ^ (y >> k);
  for (u32 k = 1; k < 12; k++) { u32 v = a[k]; i32 j = k - 1; while (j >= 0 && a[j] > v) { a[j + 1] = a[j]; j--; } a[j + 1] = v; }
  out[i] = a[z % 12] ^ a[(z >> 4) % 12] * 3;
}

KERNEL(polynomial) { BEGIN;
  float f = (float)(i32)x * 1e-9f, g = (float)(y >> 8) / 16777216.0f;
  float r = 1.0f; for (int k = 0; k < 9; k++) r = r * f + g / (float)(k + 1);
  r -= f * g; if (r > 1e3f) r = 1e3f - r;
  out[i] = fbits(r);
}

KERNEL(doubles) { BEGIN;
  double a = (double)x / 3.0 + (double)(i32)y, b = (double)((u64)z << 20) * 1e-3;
  double r = a * b - a / (b + 1.0); r = r < 0 ? -r : r; r = __builtin_sqrt(r) + (double)(float)a;
  u64 v = dbits(r); out[i] = (u32)v ^ (u32)(v >> 32);
}

KERNEL(fused) { BEGIN;
  float a = tofloat((x & 0x007fffff) | 0x3f800000), b = tofloat((y & 0x007fffff) | 0xbf800000), c = tofloat((z & 0x007fffff) | 0x3f800000);
  float r = 0; for (int k = 0; k < 20; k++) { r = __builtin_fmaf(a, b, r); r = __builtin_fmaf(r, c * 0.25f, a * b); }
  double d = __builtin_fma((double)a, (double)b, (double)c * 1e-9);
  out[i] = fbits(r) ^ fbits((float)d);
}

struct pair { float a; short b; u8 c; double d; };
DEVICE u32 inner(u32 a, u32 b) { return (a ^ b) * 0x9e3779b9u + (a >> 5); }
DEVICE u64 middle(u32 a, u64 b) { return inner(a, (u32)b) * b + inner((u32)(b >> 32), a); }
DEVICE float weigh(pair p, float s) { return p.a * s + (float)p.b - (float)p.c + (float)p.d; }
KERNEL(calls) { BEGIN;
  u64 r = middle(x, (u64)y << 32 | z); for (u32 k = 0; k < (z & 3); k++) r = middle((u32)r, r >> 7);
  pair p; p.a = (float)(x & 1023); p.b = (short)y; p.c = (u8)z; p.d = (double)(y & 255) * 0.5;
  out[i] = (u32)(r ^ r >> 32) + fbits(weigh(p, 1.5f));
}

KERNEL(narrow) { BEGIN;
  signed char a = (signed char)x, b = (signed char)(y >> 8); u8 c = (u8)(a * b); short d = (short)(a - c * 3); u16 e = (u16)(d ^ y);
  const u8 *p = (const u8 *)in; const short *q = (const short *)in;
  i32 s = 0; for (u32 k = 0; k < 9; k++) s += p[(i * 5 + k * 3) % (4 * n)] * q[(i + k) % (2 * n)];
  e = (u16)(e << 3 | e >> 13); d = (short)(d / 7 + e % 11);
  out[i] = (u32)s + (u32)a * 3 + c + (u32)d + e;
}

KERNEL(conversions) { BEGIN;
  float f = tofloat(x); if (!(f > -1e18f && f < 1e18f)) f = 12345.678f;
  float g = (float)(i64)((u64)x << 32 | y) + (float)((u64)y << 32 | z) * 0.5f;
  i64 big = (i64)f; i32 small = (i32)(f / 1e9f); u8 tiny = (u8)(u32)__builtin_fabsf(f / 1e17f);
  double d = (double)(u64)((u64)z << 32 | x) + (double)(i32)y;
  u64 v = dbits(d);
  out[i] = fbits(g) ^ (u32)big ^ (u32)(big >> 32) ^ (u32)small ^ tiny ^ (u32)v ^ (u32)(v >> 32) ^ fbits(__builtin_truncf(f)) ^ fbits(__builtin_floorf(f * 0.1f)) ^ fbits(__builtin_rintf(f * 0.01f));
}

CONSTANT u32 table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
  0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
KERNEL(crc) { BEGIN;
  u32 c = ~0u; u32 words[3] = {x, y, z}; const u8 *p = (const u8 *)words;
  for (int k = 0; k < 12; k++) { c ^= p[k]; c = table[c & 15] ^ c >> 4; c = table[c & 15] ^ c >> 4; }
  out[i] = ~c;
}

KERNEL(compare) { BEGIN;
  float a = tofloat(x), b = tofloat(y); if ((z & 7) == 0) a = __builtin_nanf(""); if ((z & 24) == 0) b = a;
  u32 r = (a < b) | (a <= b) << 1 | (a > b) << 2 | (a >= b) << 3 | (a == b) << 4 | (a != b) << 5 | !(a < b) << 6 | !(a >= b) << 7;
  r |= ((i32)x < (i32)y) << 8 | (x < y) << 9 | ((u64)x * y > (u64)z << 31) << 10 | ((i64)(i32)x * (i32)y < (i64)(i32)z * (i32)x) << 11;
  r |= (fbits(__builtin_fminf(a, 2.0f)) >> 20) << 12; r += fbits(__builtin_fmaxf(b, -3.0f)) >> 8;
  out[i] = r;
}

KERNEL(random) { BEGIN;
  u64 s = (u64)x << 32 | (y | 1); u32 r = 0;
  for (u32 k = 0; k < 50 + (z & 31); k++) { s ^= s >> 12; s ^= s << 25; s ^= s >> 27; r += (u32)(s * 2685821657736338717ull >> 32); if (r & 0x100) r ^= (u32)k; }
  out[i] = r;
}

KERNEL(nested) { BEGIN;
  u32 r = 0;
  for (u32 a = 0; a < (x & 7); a++) for (u32 b = a; b < (y & 7); b++) { if ((a ^ b) & 1) { r += a * b; if (r > 60) break; } else { u32 c = z & 15; while (c > b) { r ^= c; c -= 2; if (c > 100) break; } } }
  out[i] = r;
}

#ifdef HOST
extern "C" int printf(const char *, ...);
int main() {
  const u32 n = 96; u32 in[n], out[n], s = 12345;
  for (u32 k = 0; k < n; k++) { s = s * 1664525u + 1013904223u; in[k] = s ^ s >> 15; }
  struct { const char *name; void (*f)(const u32 *, u32 *, u32); } all[] = {
    {"mix", mix}, {"wide", wide}, {"collatz", collatz}, {"branches", branches}, {"bits", bits}, {"sorting", sorting},
    {"polynomial", polynomial}, {"doubles", doubles}, {"fused", fused}, {"calls", calls}, {"narrow", narrow},
    {"conversions", conversions}, {"crc", crc}, {"compare", compare}, {"random", random}, {"nested", nested}};
  for (auto &k : all) { printf("%s", k.name); for (threadIndex = 0; threadIndex < n; threadIndex++) k.f(in, out, n); for (u32 v : out) printf(" %x", v); printf("\n"); }
}
#endif
