/* The read side of liburcu, in the same loop as the other contestants: four times a trip, one addition for each. It is compiled
 * twice: with the library's small functions inlined, as it is meant for programs that may include them (_LGPL_SOURCE,
 * URCU_INLINE_SMALL_FUNCTIONS), and with calls into the shared library, as it is by default. */

#include "liburcu.h"

#if defined(_LGPL_SOURCE)
#define read_loop peer_read_inline
#else
#define read_loop peer_read_call
#endif

#define READ()                                                           \
	do {                                                             \
		rcu_read_lock();                                         \
		struct object *object = rcu_dereference(peer_published); \
		sum += object->word == expected;                         \
		rcu_read_unlock();                                       \
		__asm__ volatile("" : "+r"(sum));                        \
	} while (0)

/* Reads n times, a multiple of four, and returns how often it found what it expected. */
uint64_t read_loop(uint64_t n)
{
	uint64_t sum = 0, expected = EXPECTED;

	__asm__ volatile("" : "+r"(expected));
	rcu_thread_online();
	while (n > 0) {
		uint64_t reads = n < READS ? n : READS;

		for (uint64_t i = 0; i < reads; i += 4) {
			READ();
			READ();
			READ();
			READ();
		}
		n -= reads;
		rcu_quiescent_state();
	}
	rcu_thread_offline();
	return sum;
}
