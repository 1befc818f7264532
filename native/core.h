/*
 * One shared frame to many sockets, from a thread beside the event loop. Knows no Node-API: `addon.c` is its only user in Node, and
 * `test/core-test.c` runs it under ThreadSanitizer and AddressSanitizer.
 *
 * One thread, the owner, calls every function here. A lane is one sending thread with a queue of its own, first in, first out.
 */
#ifndef THREADCAST_CORE_H
#define THREADCAST_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  TC_MAX_LANES = 2,
  /* Sockets of one batch at most: batches of others come between those of a long fan-out. */
  TC_MAX_BATCH = 256,
  /* Batches that may wait in one lane; more are refused, and their owner writes them. */
  TC_QUEUE = 1024,
  /* Sockets with a duplicate at most; more are refused. */
  TC_MAX_SLOTS = 1 << 17,
};

/* The same bytes for `count` sockets. The caller keeps all three arrays, unchanged, until the batch has landed. */
typedef struct {
  const int32_t *slots;
  uint32_t count;
  const uint8_t *bytes;
  size_t length;
  /* count + 1 numbers: bytes that the kernel took, or -errno, for each slot; then how many of them are not the whole frame. */
  int32_t *results;
} tc_batch;

typedef struct tc_sender tc_sender;

/* Called from a lane when batches have landed and the owner has not looked since: at most once between two calls of tc_seen. */
typedef void (*tc_notify)(void *context);

/* NULL where memory is short. No lane runs yet. */
tc_sender *tc_create(tc_notify notify, void *context);

/* Starts lanes until there are so many, at most TC_MAX_LANES. 0, or -errno with those that could be started. */
int tc_start(tc_sender *sender, uint32_t lanes);

/* How many lanes run. */
uint32_t tc_lanes(const tc_sender *sender);

/*
 * A duplicate of the descriptor, in a slot: whoever owns `fd` closes it at will, and the kernel may give its number to another socket at once,
 * but the slot still means this one.
 * -EMFILE where fewer than `reserve` descriptors would be left: a server that cannot accept is worse than one that writes by itself.
 * @returns the slot, or -errno
 */
int32_t tc_adopt(tc_sender *sender, int fd, uint32_t reserve);

/* Ends the connection now, whoever has descriptors of it; also while a batch with it is in the queue. */
void tc_shut(tc_sender *sender, int32_t slot);

/* Closes the duplicate. Only while no batch with it is in a queue. */
void tc_release(tc_sender *sender, int32_t slot);

/* False where the lane's queue is full, the batch too big, or the lane not started. */
bool tc_send(tc_sender *sender, uint32_t lane, const tc_batch *batch);

/* Asks to be notified again, then tells how many batches each lane has done since it was created, modulo 2^32: their results are there. */
void tc_seen(tc_sender *sender, uint32_t landed[TC_MAX_LANES]);

/* Waits until all that was handed over has been sent. */
void tc_drain(tc_sender *sender);

/* As tc_drain, then ends the lanes. They can be started again. */
void tc_stop(tc_sender *sender);

/* Stops it, closes all duplicates and frees it. */
void tc_destroy(tc_sender *sender);

/* CPU time that a lane has used, in nanoseconds; 0 where the system does not tell. */
uint64_t tc_lane_cpu(const tc_sender *sender, uint32_t lane);

/* Keeps a lane on one core, for measurements. 0 or -errno; -ENOSYS where the system has no such call. */
int tc_pin(tc_sender *sender, uint32_t lane, int core);

/* Descriptors that this process may have open; 0 where that is not limited. */
uint64_t tc_descriptor_limit(void);

#endif
