/* LTTng-UST as a peer of the benchmarks: a library that the command loads if it is there. ci/peers.sh makes it. Its loops are those of
 * the other contestants: eight times a trip. */

#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng.h"

#define EIGHT(event)                             \
	do {                                     \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
		event;                           \
		__asm__ volatile("" ::: "memory"); \
	} while (0)

/* A loop of n events, a multiple of eight, and whether the event is enabled. */
#define LOOP(name, ...)                                                                 \
	void peer_##name(uint64_t n)                                                    \
	{                                                                               \
		uint64_t value = 7;                                                     \
		const char *text = "sixteen letters.";                                  \
                                                                                        \
		__asm__ volatile("" : "+r"(value), "+r"(text));                         \
		for (; n > 0; n -= 8)                                                   \
			EIGHT(lttng_ust_tracepoint(perseq_bench, name, __VA_ARGS__));   \
	}                                                                               \
                                                                                        \
	int peer_has_##name(void)                                                       \
	{                                                                               \
		return lttng_ust_tracepoint_enabled(perseq_bench, name) != 0;           \
	}

LOOP(u32, (uint32_t)value)
LOOP(u64x4, value, value, value, value)
LOOP(string16, text)
LOOP(u32_default, (uint32_t)value)
LOOP(u64x4_default, value, value, value, value)
LOOP(string16_default, text)
LOOP(disabled, (uint32_t)value)
