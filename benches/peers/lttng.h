/* The events of the peer made of LTTng-UST: three kinds, each for a channel with large buffers and for one with those that LTTng chooses
 * (_default), and a fourth that nobody enables. The library includes this file several times. */

#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER perseq_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng.h"

#if !defined(PERSEQ_LTTNG_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define PERSEQ_LTTNG_H

#include <stdint.h>

#include <lttng/tracepoint.h>

#define ONE LTTNG_UST_TP_ARGS(uint32_t, value)
#define FOUR LTTNG_UST_TP_ARGS(uint64_t, a, uint64_t, b, uint64_t, c, uint64_t, d)
#define TEXT LTTNG_UST_TP_ARGS(const char *, text)

LTTNG_UST_TRACEPOINT_EVENT_CLASS(perseq_bench, one, ONE,
	LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint32_t, value, value)))
LTTNG_UST_TRACEPOINT_EVENT_CLASS(perseq_bench, four, FOUR,
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, a, a)
		lttng_ust_field_integer(uint64_t, b, b)
		lttng_ust_field_integer(uint64_t, c, c)
		lttng_ust_field_integer(uint64_t, d, d)))
LTTNG_UST_TRACEPOINT_EVENT_CLASS(perseq_bench, text, TEXT,
	LTTNG_UST_TP_FIELDS(lttng_ust_field_string(text, text)))

LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(perseq_bench, one, perseq_bench, u32, ONE)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(perseq_bench, four, perseq_bench, u64x4, FOUR)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(perseq_bench, text, perseq_bench, string16, TEXT)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(perseq_bench, one, perseq_bench, u32_default, ONE)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(perseq_bench, four, perseq_bench, u64x4_default, FOUR)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(perseq_bench, text, perseq_bench, string16_default, TEXT)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(perseq_bench, one, perseq_bench, disabled, ONE)

#undef ONE
#undef FOUR
#undef TEXT

#endif

#include <lttng/tracepoint-event.h>
