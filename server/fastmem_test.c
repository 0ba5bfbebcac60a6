/* Checks fastmem.c against byte-by-byte references: every size to 320 with every pair of alignments, every overlap of small sizes, the overlaps near
 * the edges of large ones, differences at every place, and ranges that end or begin where the mapped memory does.
 * Compiled by tests/integration/server_memory.rs with -fno-builtin, so that nothing here becomes a call of the functions under test. Prints what it did; ends with 1
 * at the first fault. */
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <sys/mman.h>

void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
int memcmp(const void *, const void *, size_t);

enum { PAGE = 4096, SPAN = 1 << 18 };
static unsigned char *work, *want; /* SPAN bytes each, an unreadable page before and after */
static unsigned long cases;

static unsigned char *mapped(void) {
    unsigned char *p = mmap(0, SPAN + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + PAGE, SPAN, PROT_READ | PROT_WRITE)) {
        perror("mmap");
        exit(2);
    }
    return p + PAGE;
}

static unsigned char pattern(size_t i) { return (unsigned char)(i * 167 + (i >> 8) * 59 + 13); }

static void fault(const char *what, size_t n, size_t to, size_t from, size_t at) {
    printf("%s is wrong: n %zu, to %zu, from %zu, at %zu\n", what, n, to, from, at);
    exit(1);
}

/* Copies n bytes inside `work` from `from` to `to`, and compares everything within 96 bytes around with the reference in `want`. */
static void copy_case(const char *what, void *(*copy)(void *, const void *, size_t), size_t n, size_t to, size_t from) {
    size_t low = (to < from ? to : from), high = (to > from ? to : from) + n, i;
    low = low > 96 ? low - 96 : 0;
    high = high + 96 < SPAN ? high + 96 : SPAN;
    for (i = low; i < high; i++) work[i] = want[i] = pattern(i);
    for (i = 0; i < n; i++) want[to + i] = pattern(from + i);
    if (copy(work + to, work + from, n) != work + to) fault(what, n, to, from, (size_t)-1);
    for (i = low; i < high; i++)
        if (work[i] != want[i]) fault(what, n, to, from, i);
    cases++;
}

static void *as_memcpy(void *d, const void *s, size_t n) { return memcpy(d, s, n); }

static const size_t large[] = {321, 383, 384, 385, 511, 512, 513, 1000, 1023, 1025, 2046, 2047, 2048, 2049, 2050, 2111, 2112, 2113, 4095, 4096, 4097, 8191, 8207, 70001};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static void apart(void) { /* no overlap: both functions, every alignment against every other */
    size_t n, a, b, i;
    for (n = 0; n <= 320; n++)
        for (a = 0; a < 32; a++)
            for (b = 0; b < 32; b++) {
                copy_case("memcpy", as_memcpy, n, 1024 + a, 2048 + b);
                copy_case("memmove", memmove, n, 2048 + a, 1024 + b);
            }
    for (i = 0; i < COUNT(large); i++)
        for (a = 0; a < 16; a++)
            for (b = 0; b < 16; b++) {
                if (large[i] > 9000 && (a * 16 + b) % 37) continue;
                copy_case("memcpy", as_memcpy, large[i], 1024 + a, 80000 + b);
                copy_case("memmove", memmove, large[i], 80000 + a, 1024 + b);
            }
}

static void overlapping(void) {
    size_t n, a, i, k, gap;
    for (n = 0; n <= 200; n++)
        for (gap = 0; gap <= n + 1; gap++)
            for (a = 0; a < 16; a++) {
                copy_case("memmove", memmove, n, 1024 + a + gap, 1024 + a);
                copy_case("memmove", memmove, n, 1024 + a, 1024 + a + gap);
            }
    /* Around the size from which wider pieces are used, every remainder of them. */
    for (n = 201; n <= 450; n++)
        for (gap = 1; gap <= n + 1; gap = gap < 40 ? gap + 1 : gap < n - 2 && gap + 23 > n - 2 ? n - 2 : gap >= n - 2 ? gap + 1 : gap + 23)
            for (a = 0; a < 32; a++) {
                copy_case("memmove", memmove, n, 1024 + a + gap, 1024 + a);
                copy_case("memmove", memmove, n, 1024 + a, 1024 + a + gap);
            }
    for (i = 0; i < COUNT(large); i++) {
        n = large[i];
        size_t gaps[160 + 9];
        for (k = 0; k < 160; k++) gaps[k] = k;
        size_t far[] = {n / 3, n / 2, n - 65, n - 64, n - 16, n - 1, n, n + 1, n + 64};
        for (k = 0; k < COUNT(far); k++) gaps[160 + k] = far[k];
        for (k = 0; k < COUNT(gaps); k++)
            for (a = 0; a < 32; a++) {
                if (n > 9000 && (k + a) % 13) continue;
                copy_case("memmove", memmove, n, 1024 + a + gaps[k], 1024 + a);
                copy_case("memmove", memmove, n, 1024 + a, 1024 + a + gaps[k]);
            }
    }
}

static void at_the_edges(void) { /* one byte read or written too far faults */
    size_t n, i;
    for (i = 0; i <= 400 + COUNT(large); i++) {
        n = i <= 400 ? i : large[i - 401];
        copy_case("memcpy", as_memcpy, n, SPAN - n, 0);
        copy_case("memcpy", as_memcpy, n, 0, SPAN - n);
        copy_case("memmove", memmove, n, SPAN - n, 0);
        copy_case("memmove", memmove, n, 0, SPAN - n);
        copy_case("memmove", memmove, n, SPAN - n, SPAN - n - 7);
        copy_case("memmove", memmove, n, SPAN - n - 7, SPAN - n);
        copy_case("memmove", memmove, n, 0, 7);
        copy_case("memmove", memmove, n, 7, 0);
    }
}

static int sign(int v) { return (v > 0) - (v < 0); }

static void compare_case(size_t n, unsigned char *x, unsigned char *y, size_t at) {
    static const unsigned char pairs[][2] = {{0, 1}, {1, 0}, {0x7f, 0x80}, {0xff, 0}, {0x80, 0x7f}, {0xfe, 0xff}};
    size_t k, i;
    for (i = 0; i < n; i++) x[i] = y[i] = pattern(i);
    if (memcmp(x, y, n) != 0) fault("memcmp of equals", n, (size_t)x % 64, (size_t)y % 64, 0);
    if (at >= n) return;
    for (k = 0; k < COUNT(pairs); k++) {
        x[at] = pairs[k][0];
        y[at] = pairs[k][1];
        /* what comes after the first difference says the contrary and must not count */
        for (i = at + 1; i < n && i < at + 12; i++) {
            x[i] = pairs[k][1];
            y[i] = pairs[k][0];
        }
        if (sign(memcmp(x, y, n)) != (pairs[k][0] < pairs[k][1] ? -1 : 1)) fault("memcmp", n, (size_t)x % 64, (size_t)y % 64, at);
        cases++;
    }
}

static void comparing(void) {
    size_t n, a, b, at, i;
    for (n = 0; n <= 72; n++)
        for (a = 0; a < 16; a++)
            for (b = 0; b < 16; b++)
                for (at = 0; at <= n; at++) compare_case(n, work + 512 + a, want + 512 + b, at);
    for (i = 0; i < COUNT(large); i++)
        for (a = 0; a < 40 && a < large[i]; a++) {
            compare_case(large[i], work + a, want + a / 3, a);
            compare_case(large[i], work + SPAN - large[i], want + SPAN - large[i], large[i] - 1 - a);
        }
    for (n = 0; n <= 300; n++) {
        compare_case(n, work + SPAN - n, want + SPAN - n, n ? n - 1 : 0);
        compare_case(n, work, want + SPAN - n, n / 2);
    }
}

int main(void) {
    work = mapped();
    want = mapped();
    apart();
    overlapping();
    at_the_edges();
    comparing();
    printf("%lu cases\n", cases);
    return 0;
}
