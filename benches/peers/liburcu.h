/* What the two files of a peer made of liburcu share. URCU_HEADER is the header of the flavour, and with URCU_API_MAP the names without
 * a flavour mean that one. */

#ifndef PERSEQ_LIBURCU_H
#define PERSEQ_LIBURCU_H

#include <stdint.h>

#include URCU_HEADER

/* What is in an object that readers may look at. */
#define EXPECTED 0x5eed

/* The reads between two quiescent states, for the flavour that has to be told of them. */
#define READS 1000

/* 64 bytes, and what the library needs to free them later. */
struct object {
	uint64_t word;
	uint64_t *freed;
	uint64_t rest[6];
	struct rcu_head head;
};

/* What readers read. It is never null. */
__attribute__((visibility("hidden"))) extern struct object *peer_published;

uint64_t peer_read_call(uint64_t n);
uint64_t peer_read_inline(uint64_t n);

#endif
