/* A flavour of liburcu as a peer of the benchmarks: a library that the command loads if it is there. ci/peers.sh makes it.
 *
 * A thread joins before it does anything else here and leaves before it ends. Between calls it counts as offline where the
 * flavour knows such a state, so threads that sleep hold nobody up. */

#include <stdlib.h>
#include <string.h>

#include "liburcu.h"

struct object *peer_published;

/* How many of a thread's contestants have joined. */
static __thread unsigned int joined;

static struct object *make(uint64_t *freed)
{
	struct object *object = malloc(sizeof(*object));

	/* The benchmarks do not go on without memory. */
	if (object == NULL)
		abort();
	memset(object->rest, 0, sizeof(object->rest));
	object->word = EXPECTED;
	object->freed = freed;
	return object;
}

/* Frees an object, counts it, and spoils what a reader would find that still looks at it. */
static void destroy(struct rcu_head *head)
{
	struct object *object = caa_container_of(head, struct object, head);

	*(volatile uint64_t *)&object->word = 0;
	/* There is one thread for all callbacks. */
	if (object->freed != NULL)
		__atomic_store_n(object->freed, *object->freed + 1, __ATOMIC_RELAXED);
	free(object);
}

/* Keeps the memory: nobody who measures memory next is to find it free. */
static void keep(struct rcu_head *head)
{
	(void)head;
}

__attribute__((constructor)) static void publish(void)
{
	peer_published = make(NULL);
}

void peer_join(void)
{
	if (joined++ == 0) {
		rcu_register_thread();
		rcu_thread_offline();
	}
}

void peer_leave(void)
{
	if (--joined == 0)
		rcu_unregister_thread();
}

/* Waits for n grace periods. */
void peer_synchronize(uint64_t n)
{
	while (n-- > 0)
		synchronize_rcu();
}

/* Makes n objects and defers their freeing, which is counted in *freed. */
void peer_defer(uint64_t n, uint64_t *freed)
{
	rcu_thread_online();
	while (n-- > 0) {
		struct object *object = make(freed);

		call_rcu(&object->head, destroy);
		if (n % READS == 0)
			rcu_quiescent_state();
	}
	rcu_thread_offline();
}

/* Publishes a new object and defers the freeing of the old one. */
void peer_replace(void)
{
	struct object *old = rcu_xchg_pointer(&peer_published, make(NULL));

	call_rcu(&old->head, destroy);
}

/* Waits until everything deferred before has been freed. */
void peer_barrier(void)
{
	rcu_barrier();
}

/* Begins to read, and defers the freeing of n objects that stay meanwhile. */
void peer_hold(uint64_t n)
{
	rcu_thread_online();
	rcu_read_lock();
	while (n-- > 0)
		call_rcu(&make(NULL)->head, keep);
}

/* Ends what peer_hold began. */
void peer_release(void)
{
	rcu_read_unlock();
	rcu_thread_offline();
	rcu_barrier();
}
