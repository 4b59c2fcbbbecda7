// Memory-bound parts of a training step, each in one pass over memory.
//
// Compiled by native.py for the machine at hand and called through ctypes; native.py holds the same
// arithmetic in torch. T is the type of products and of what is kept for the backward pass (float
// or bfloat16), G that of the output's gradient; states and all arithmetic are float.
//
// Gate pre-activations come as products with W_ih ("gi") and W_hh ("gh"), both (B, 3H) in the order
// r, z, n; `bias` (4H) is b_r, b_z (each input plus hidden), b_in, b_hn.

#include <cstdint>
#include <cstring>

namespace {

struct bfloat16 {
    uint16_t bits;
};

inline float load(float x) { return x; }
inline float load(bfloat16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}
inline void store(float &to, float x) { to = x; }
inline void store(bfloat16 &to, float x) {  // rounds to nearest, ties to even; NaN stays NaN
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    to.bits = uint16_t(x == x ? rounded : 0x7fc0);
}

// exp to 2 ulp: e^x = 2^k e^f with |f| <= log(2) / 2 and a polynomial (Cephes' coefficients).
inline float exponential(float x) {
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;  // both comparisons are false for NaN, which passes through
    float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23 rounds to a whole number
    float k = shifted - 12582912.0f;
    float f = x - k * 0.693359375f + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    int32_t exponent = int32_t(k == k ? k : 0.0f) << 23;
    int32_t bits;
    std::memcpy(&bits, &p, 4);
    bits += exponent;
    std::memcpy(&p, &bits, 4);
    return p;
}
inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
inline float hyperbolic_tangent(float x) { return 2.0f / (1.0f + exponential(-2.0f * x)) - 1.0f; }

// h' = (1 - z) n + z h. `rows`, if given, says which row of `gi` each sequence takes. A sequence with
// length <= t keeps its state. `copy` (the new state as T) and `kept` (n, r, z, hn) may be null.
template <typename T>
void forward(int64_t batch, int64_t size, int64_t t, const T *gi, const int64_t *rows, const T *gh,
             const float *bias, const int64_t *lengths, const float *h, float *h_new, T *copy, T *kept) {
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < batch; ++b) {
        const float *hb = h + b * size;
        float *to = h_new + b * size;
        if (lengths && lengths[b] <= t) {
            if (to != hb) std::memcpy(to, hb, size * sizeof(float));
            if (copy) for (int64_t j = 0; j < size; ++j) store(copy[b * size + j], hb[j]);
            continue;
        }
        const T *ib = gi + (rows ? rows[b] : b) * 3 * size, *gb = gh + b * 3 * size;
        T *cb = copy ? copy + b * size : nullptr, *kb = kept ? kept + b * 4 * size : nullptr;
#pragma GCC ivdep
        for (int64_t j = 0; j < size; ++j) {
            float r = sigmoid(load(ib[j]) + load(gb[j]) + bias[j]);
            float z = sigmoid(load(ib[size + j]) + load(gb[size + j]) + bias[size + j]);
            float hn = load(gb[2 * size + j]) + bias[3 * size + j];
            float n = hyperbolic_tangent(load(ib[2 * size + j]) + bias[2 * size + j] + r * hn);
            float next = n + z * (hb[j] - n);
            to[j] = next;
            if (cb) store(cb[j], next);
            if (kb) {
                store(kb[j], n);
                store(kb[size + j], r);
                store(kb[2 * size + j], z);
                store(kb[3 * size + j], hn);
            }
        }
    }
}

// Gradients of the pre-activations (B, 4H), in the order n, r, z, hn, written over `kept`; `carry`, the
// part of the state's gradient that skips the product, becomes that of the step before. The gradient
// of the new state is carry + product + output, the last two absent where null.
template <typename T, typename G>
void backward(int64_t batch, int64_t size, int64_t t, const T *product, const G *output,
              const int64_t *lengths, const T *h, T *kept, float *carry) {
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < batch; ++b) {
        float *dh = carry + b * size;
        T *kb = kept + b * 4 * size;
        const T *pb = product ? product + b * size : nullptr, *hb = h + b * size;
        const G *ob = output ? output + b * size : nullptr;
        if (lengths && lengths[b] <= t) {
            std::memset(kb, 0, 4 * size * sizeof(T));  // its product is 0 in the step before, too
            continue;
        }
#pragma GCC ivdep
        for (int64_t j = 0; j < size; ++j) {
            float d = dh[j] + (pb ? load(pb[j]) : 0.0f) + (ob ? load(ob[j]) : 0.0f);
            float n = load(kb[j]), r = load(kb[size + j]), z = load(kb[2 * size + j]);
            float hn = load(kb[3 * size + j]);
            float dn = d * (1.0f - z) * (1.0f - n * n);
            float dz = d * (load(hb[j]) - n) * z * (1.0f - z);
            dh[j] = d * z;
            store(kb[j], dn);
            store(kb[size + j], dn * hn * r * (1.0f - r));
            store(kb[2 * size + j], dz);
            store(kb[3 * size + j], dn * r);
        }
    }
}

// (rows, columns) with a row stride to (columns, rows), in blocks that stay in cache. Whole blocks have
// loops of fixed length, which compilers turn into shuffles of registers.
template <typename T>
void transpose(int64_t rows, int64_t columns, int64_t stride, const T *from, T *to) {
    constexpr int64_t block = 32;
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t i = 0; i < rows; i += block)
        for (int64_t j = 0; j < columns; j += block) {
            int64_t height = rows - i < block ? rows - i : block;
            int64_t width = columns - j < block ? columns - j : block;
            const T *corner = from + i * stride + j;
            T tile[block][block];
            if (height == block && width == block) {
                for (int64_t b = 0; b < block; ++b)
                    for (int64_t a = 0; a < block; ++a) tile[b][a] = corner[a * stride + b];
            } else {
                for (int64_t b = 0; b < width; ++b)
                    for (int64_t a = 0; a < height; ++a) tile[b][a] = corner[a * stride + b];
            }
            for (int64_t b = 0; b < width; ++b)
                std::memcpy(to + (j + b) * rows + i, tile[b], height * sizeof(T));
        }
}

// Natural logarithm of a positive normal number (Cephes' coefficients).
inline float logarithm(float x) {
    int32_t bits;
    std::memcpy(&bits, &x, 4);
    int32_t exponent = (bits - 0x3f3504f3) >> 23;  // so that the rest lies in [sqrt(1/2), sqrt(2))
    bits -= exponent << 23;
    std::memcpy(&x, &bits, 4);
    x -= 1.0f;
    float p = 7.0376836292e-2f;
    p = p * x - 1.1514610310e-1f;
    p = p * x + 1.1676998740e-1f;
    p = p * x - 1.2420140846e-1f;
    p = p * x + 1.4249322787e-1f;
    p = p * x - 1.6668057665e-1f;
    p = p * x + 2.0000714765e-1f;
    p = p * x - 2.4999993993e-1f;
    p = p * x + 3.3333331174e-1f;
    return x + (-0.5f * x * x + x * x * x * p) + exponent * 0.693147181f;
}

// Uniform in (0, 1), 24 bits, from a counter and a key: a hash, so that every draw is its own.
inline float uniform(uint32_t counter, uint32_t key0, uint32_t key1) {
    uint32_t x = counter + key0;
    x ^= x >> 17;
    x *= 0xed5ad4bbu;
    x ^= x >> 11;
    x += key1;
    x *= 0xac4c1b51u;
    x ^= x >> 15;
    x *= 0x31848babu;
    x ^= x >> 14;
    return float(int32_t(x >> 8)) * 5.9604644775390625e-8f + 2.98023223876953125e-8f;
}

// Draws of the kernel (1 - |z|^p)^k: z = (2 U_0 - 1) prod U_i^(1 / (1 + i p)), i up to k.
void power_samples(int64_t n, int64_t factors, const float *exponents, const uint32_t *keys, float *out) {
    constexpr int64_t block = 1024;
#pragma omp parallel for schedule(static)
    for (int64_t start = 0; start < n; start += block) {
        int64_t size = n - start < block ? n - start : block;
        float logs[block];
        for (int64_t j = 0; j < size; ++j) logs[j] = 0.0f;
        for (int64_t i = 1; i <= factors; ++i)
            for (int64_t j = 0; j < size; ++j)
                logs[j] += exponents[i] * logarithm(uniform(uint32_t(start + j), keys[2 * i], keys[2 * i + 1]));
        for (int64_t j = 0; j < size; ++j) {
            float z = 2.0f * uniform(uint32_t(start + j), keys[0], keys[1]) - 1.0f;
            out[start + j] = factors ? z * exponential(logs[j]) : z;
        }
    }
}

}  // namespace

extern "C" void kernel_samples(int64_t n, int64_t factors, const float *exponents, const uint32_t *keys,
                             float *out) {
    power_samples(n, factors, exponents, keys, out);
}

#define FORWARD(name, T)                                                                              \
    extern "C" void name(int64_t batch, int64_t size, int64_t t, const T *gi, const int64_t *rows,    \
                         const T *gh, const float *bias, const int64_t *lengths, const float *h,      \
                         float *h_new, T *copy, T *kept) {                                            \
        forward<T>(batch, size, t, gi, rows, gh, bias, lengths, h, h_new, copy, kept);                \
    }
#define BACKWARD(name, T, G)                                                                          \
    extern "C" void name(int64_t batch, int64_t size, int64_t t, const T *product, const G *output,   \
                         const int64_t *lengths, const T *h, T *kept, float *carry) {             \
        backward<T, G>(batch, size, t, product, output, lengths, h, kept, carry);                     \
    }
#define TRANSPOSE(name, T)                                                                            \
    extern "C" void name(int64_t rows, int64_t columns, int64_t stride, const T *from, T *to) {       \
        transpose<T>(rows, columns, stride, from, to);                                                \
    }
FORWARD(gru_forward_float32, float)
FORWARD(gru_forward_bfloat16, bfloat16)
BACKWARD(gru_backward_float32_float32, float, float)
BACKWARD(gru_backward_bfloat16_float32, bfloat16, float)
BACKWARD(gru_backward_bfloat16_bfloat16, bfloat16, bfloat16)
TRANSPOSE(transpose_float32, float)
TRANSPOSE(transpose_bfloat16, bfloat16)
