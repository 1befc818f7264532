#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE of the socket */
#endif

typedef struct {
  tc_sender *sender;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  tc_batch queue[TC_QUEUE];
  /* Written by the owner, under the mutex. */
  uint32_t posted;
  /* Written by the lane; a release, so that the owner sees the results. */
  _Atomic uint32_t landed;
  bool is_asleep, is_stopped;
} lane_t;

struct tc_sender {
  tc_notify notify;
  void *context;
  uint32_t lane_count;
  lane_t lanes[TC_MAX_LANES];
  /* Written by the owner before a batch names the slot, and after it has landed: the lane's mutex and `landed` order it. */
  int fds[TC_MAX_SLOTS];
  int32_t free_slots[TC_MAX_SLOTS];
  uint32_t free_count, slot_count;
  uint64_t descriptor_limit;
  /* The owner has been notified and has not looked. */
  _Atomic bool is_notified;
};

/* ---- faults, for tests: see test/README of the repository. A build with them is never shipped. */
#ifdef TC_FAULTS
static _Thread_local uint64_t chance = 88172645463325252ull;

static uint32_t dice(uint32_t sides) {
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return (uint32_t)(chance >> 33) % sides;
}

/* A slow thread, sockets that take a part, nothing, or report an error though they live: then their owner's own write tells the truth. */
static ssize_t send_once(int fd, const uint8_t *bytes, size_t length) {
  struct timespec pause = {0, (long)dice(100) * 1000};
  nanosleep(&pause, NULL);
  uint32_t fate = dice(20);
  if (fate == 0) return errno = EAGAIN, -1;
  if (fate == 1) return errno = ECONNRESET, -1;
  if (fate < 4) length = length / 2;
  if (fate == 4) length = length > 1 ? 1 : length;
  return send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}
#else
static ssize_t send_once(int fd, const uint8_t *bytes, size_t length) {
  return send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}
#endif

static void do_batch(const tc_sender *sender, const tc_batch *batch) {
  int32_t shorts = 0;
  for (uint32_t i = 0; i < batch->count; i++) {
    ssize_t taken;
    do taken = send_once(sender->fds[batch->slots[i]], batch->bytes, batch->length);
    while (taken < 0 && errno == EINTR);
    batch->results[i] = taken < 0 ? -errno : (int32_t)taken;
    shorts += taken != (ssize_t)batch->length;
  }
  batch->results[batch->count] = shorts;
}

static void note_landed(tc_sender *sender, lane_t *lane, uint32_t landed) {
  atomic_store_explicit(&lane->landed, landed, memory_order_release);
  if (!atomic_exchange(&sender->is_notified, true)) sender->notify(sender->context);
}

static void *run_lane(void *arg) {
  lane_t *lane = arg;
  tc_sender *sender = lane->sender;
  uint32_t done = atomic_load_explicit(&lane->landed, memory_order_relaxed);
  for (;;) {
    pthread_mutex_lock(&lane->mutex);
    while (lane->posted == done && !lane->is_stopped) {
      lane->is_asleep = true;
      pthread_cond_wait(&lane->wake, &lane->mutex);
      lane->is_asleep = false;
    }
    uint32_t posted = lane->posted;
    pthread_mutex_unlock(&lane->mutex);
    /* stopped, and nothing is left: what was handed over before still goes out */
    if (posted == done) return NULL;
    while (done != posted) {
#ifdef TC_SABOTAGE_EARLY_LANDING /* the test of bytes must find that out */
      tc_batch batch = lane->queue[done % TC_QUEUE];
      int32_t slots[TC_MAX_BATCH], results[TC_MAX_BATCH + 1];
      uint8_t *bytes = malloc(batch.length);
      for (uint32_t i = 0; i < batch.count; i++) {
        slots[i] = batch.slots[i];
        batch.results[i] = (int32_t)batch.length;
      }
      batch.results[batch.count] = 0;
      note_landed(sender, lane, ++done);
      tc_batch sent = {slots, batch.count, memcpy(bytes, batch.bytes, batch.length), batch.length, results};
      do_batch(sender, &sent);
      free(bytes);
#else
      do_batch(sender, &lane->queue[done % TC_QUEUE]);
      note_landed(sender, lane, ++done);
#endif
    }
  }
}

uint64_t tc_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
  return limit.rlim_cur;
}

tc_sender *tc_create(tc_notify notify, void *context) {
  tc_sender *sender = calloc(1, sizeof *sender);
  if (sender == NULL) return NULL;
  sender->notify = notify;
  sender->context = context;
  sender->descriptor_limit = tc_descriptor_limit();
  for (uint32_t i = 0; i < TC_MAX_LANES; i++) {
    lane_t *lane = &sender->lanes[i];
    lane->sender = sender;
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->wake, NULL);
  }
  return sender;
}

int tc_start(tc_sender *sender, uint32_t lanes) {
  if (lanes > TC_MAX_LANES) lanes = TC_MAX_LANES;
  /* signals are the main thread's: a lane begins with all of them blocked */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  while (sender->lane_count < lanes && error == 0) {
    lane_t *lane = &sender->lanes[sender->lane_count];
    lane->is_stopped = false;
    error = pthread_create(&lane->thread, NULL, run_lane, lane);
    if (error != 0) break;
#ifdef __linux__
    pthread_setname_np(lane->thread, "threadcast-send");
#endif
    sender->lane_count++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return -error;
}

uint32_t tc_lanes(const tc_sender *sender) { return sender->lane_count; }

int32_t tc_adopt(tc_sender *sender, int fd, uint32_t reserve) {
  if (sender->free_count == 0 && sender->slot_count == TC_MAX_SLOTS) return -ENFILE;
#ifdef TC_SABOTAGE_NO_DUPLICATES /* the test of bytes must find that out */
  int own = fd;
  (void)reserve;
#else
  int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return -errno;
  /* the kernel gives the lowest free number, so a number tells about how many are open */
  uint64_t limit = sender->descriptor_limit;
  if (limit != 0 && (uint64_t)own + reserve >= limit) {
    close(own);
    return -EMFILE;
  }
#endif
#ifdef SO_NOSIGPIPE
  int on = 1;
  setsockopt(own, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  int32_t slot = sender->free_count > 0 ? sender->free_slots[--sender->free_count] : (int32_t)sender->slot_count++;
  sender->fds[slot] = own;
  return slot;
}

static bool is_adopted(const tc_sender *sender, int32_t slot) {
  return slot >= 0 && (uint32_t)slot < sender->slot_count && sender->fds[slot] >= 0;
}

void tc_shut(tc_sender *sender, int32_t slot) {
  if (is_adopted(sender, slot)) shutdown(sender->fds[slot], SHUT_RDWR);
}

void tc_release(tc_sender *sender, int32_t slot) {
  if (!is_adopted(sender, slot)) return;
#ifndef TC_SABOTAGE_NO_DUPLICATES
  close(sender->fds[slot]);
#endif
  sender->fds[slot] = -1;
  sender->free_slots[sender->free_count++] = slot;
}

bool tc_send(tc_sender *sender, uint32_t index, const tc_batch *batch) {
  if (index >= sender->lane_count || batch->count > TC_MAX_BATCH) return false;
  lane_t *lane = &sender->lanes[index];
  if (lane->posted - atomic_load_explicit(&lane->landed, memory_order_acquire) >= TC_QUEUE) return false;
  lane->queue[lane->posted % TC_QUEUE] = *batch;
  pthread_mutex_lock(&lane->mutex);
  lane->posted++;
  bool is_asleep = lane->is_asleep;
  pthread_mutex_unlock(&lane->mutex);
  if (is_asleep) pthread_cond_signal(&lane->wake);
  return true;
}

void tc_seen(tc_sender *sender, uint32_t landed[TC_MAX_LANES]) {
  /* an exchange: what a lane did before it set the flag is seen below, and what it does after this notifies again */
  atomic_exchange(&sender->is_notified, false);
  for (uint32_t i = 0; i < TC_MAX_LANES; i++)
    landed[i] = atomic_load_explicit(&sender->lanes[i].landed, memory_order_acquire);
}

void tc_drain(tc_sender *sender) {
  struct timespec pause = {0, 100 * 1000};
  for (uint32_t i = 0; i < sender->lane_count; i++) {
    lane_t *lane = &sender->lanes[i];
    while (atomic_load_explicit(&lane->landed, memory_order_acquire) != lane->posted) nanosleep(&pause, NULL);
  }
}

void tc_stop(tc_sender *sender) {
  for (uint32_t i = 0; i < sender->lane_count; i++) {
    lane_t *lane = &sender->lanes[i];
    pthread_mutex_lock(&lane->mutex);
    lane->is_stopped = true;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->mutex);
  }
  for (uint32_t i = 0; i < sender->lane_count; i++) pthread_join(sender->lanes[i].thread, NULL);
  sender->lane_count = 0;
}

void tc_destroy(tc_sender *sender) {
  tc_stop(sender);
  for (uint32_t slot = 0; slot < sender->slot_count; slot++) tc_release(sender, (int32_t)slot);
  for (uint32_t i = 0; i < TC_MAX_LANES; i++) {
    pthread_cond_destroy(&sender->lanes[i].wake);
    pthread_mutex_destroy(&sender->lanes[i].mutex);
  }
  free(sender);
}

uint64_t tc_lane_cpu(const tc_sender *sender, uint32_t index) {
#ifdef __linux__
  clockid_t clock;
  struct timespec time;
  if (index >= sender->lane_count || pthread_getcpuclockid(sender->lanes[index].thread, &clock) != 0) return 0;
  if (clock_gettime(clock, &time) != 0) return 0;
  return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
#else
  (void)sender;
  (void)index;
  return 0;
#endif
}

int tc_pin(tc_sender *sender, uint32_t index, int core) {
#ifdef __linux__
  if (index >= sender->lane_count || core < 0 || core >= CPU_SETSIZE) return -EINVAL;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  return -pthread_setaffinity_np(sender->lanes[index].thread, sizeof set, &set);
#else
  (void)sender;
  (void)index;
  (void)core;
  return -ENOSYS;
#endif
}
