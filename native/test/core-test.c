/*
 * The core by itself, under ThreadSanitizer or AddressSanitizer: `node build.js --core-test --sanitize thread`.
 * Sends numbered frames to sockets that come and go, does what a hub does with what lands short, and checks each stream byte for byte.
 * usage: core-test [batches] [lanes]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../core.h"

enum { SOCKETS = 48, FRAME = 997, IN_AIR = 16 };

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (condition) break;                                                    \
    fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
    exit(1);                                                                 \
  } while (0)

/* One connection, with a thread that reads its other end to the end. */
typedef struct {
  int fd, peer;
  int32_t slot;
  bool is_in_air;
  pthread_t reader;
} line_t;

typedef struct {
  int32_t slots[SOCKETS], results[SOCKETS + 1];
  uint8_t bytes[FRAME];
  int lines[SOCKETS];
  bool is_landed;
} flight_t;

static _Atomic uint64_t frames_read, streams_read;
static _Atomic int notices;
static int listener;

static void on_landed(void *context) {
  (void)context;
  atomic_fetch_add(&notices, 1);
}

/* Every frame is its number, then bytes that follow from it; the numbers of a stream grow by one. */
static void fill(uint8_t *frame, uint32_t number) {
  memcpy(frame, &number, sizeof number);
  for (uint32_t i = sizeof number; i < FRAME; i++) frame[i] = (uint8_t)(number * 31 + i);
}

static void *read_all(void *arg) {
  int fd = (int)(intptr_t)arg;
  uint8_t frame[FRAME], expected[FRAME];
  uint32_t last = 0;
  for (;;) {
    size_t have = 0;
    while (have < FRAME) {
      ssize_t got = read(fd, frame + have, FRAME - have);
      if (got <= 0) goto end; /* what is cut off is the owner's to cut */
      have += (size_t)got;
    }
    uint32_t number;
    memcpy(&number, frame, sizeof number);
    fill(expected, number);
    CHECK(memcmp(frame, expected, FRAME) == 0);
    CHECK(last == 0 || number == last + 1);
    last = number;
    atomic_fetch_add(&frames_read, 1);
  }
end:
  close(fd);
  atomic_fetch_add(&streams_read, 1);
  return NULL;
}

static void open_line(line_t *line, tc_sender *sender) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  line->peer = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(line->peer, (struct sockaddr *)&address, size) == 0);
  line->fd = accept(listener, NULL, NULL);
  CHECK(line->fd >= 0);
  CHECK(fcntl(line->fd, F_SETFL, O_NONBLOCK) == 0);
  line->slot = tc_adopt(sender, line->fd, 8);
  CHECK(line->slot >= 0);
  line->is_in_air = false;
  CHECK(pthread_create(&line->reader, NULL, read_all, (void *)(intptr_t)line->peer) == 0);
}

/* What the hub's own socket does with what did not go. False where the connection is gone. */
static bool write_rest(int fd, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    if (sent > 0) {
      bytes += sent;
      length -= (size_t)sent;
    } else if (errno == EAGAIN) {
      struct pollfd wait = {fd, POLLOUT, 0};
      poll(&wait, 1, 1000);
    } else {
      return false;
    }
  }
  return true;
}

static line_t lines[SOCKETS];
static flight_t flights[TC_MAX_LANES][IN_AIR];
static uint32_t posted[TC_MAX_LANES], landed[TC_MAX_LANES];
static uint64_t shorts, refused;

static void land(tc_sender *sender, uint32_t lane) {
  flight_t *flight = &flights[lane][landed[lane]++ % IN_AIR];
  uint32_t count = (uint32_t)flight->lines[SOCKETS - 1];
  uint32_t counted = 0;
  for (uint32_t i = 0; i < count; i++) {
    line_t *line = &lines[flight->lines[i]];
    line->is_in_air = false;
    if (flight->results[i] == FRAME) continue;
    counted++;
    size_t taken = flight->results[i] < 0 ? 0 : (size_t)flight->results[i];
    if (line->fd >= 0) write_rest(line->fd, flight->bytes + taken, FRAME - taken);
  }
  CHECK((uint32_t)flight->results[count] == counted);
  shorts += counted;
  /* those that were cut while they were in the air */
  for (uint32_t i = 0; i < count; i++) {
    line_t *line = &lines[flight->lines[i]];
    if (line->fd >= 0) continue;
    tc_release(sender, line->slot);
    pthread_join(line->reader, NULL);
    open_line(line, sender);
  }
}

static void land_all(tc_sender *sender, uint32_t lanes) {
  uint32_t seen[TC_MAX_LANES];
  tc_seen(sender, seen);
  for (uint32_t lane = 0; lane < lanes; lane++)
    while (landed[lane] != seen[lane]) land(sender, lane);
}

int main(int argc, char **argv) {
  uint32_t batches = argc > 1 ? (uint32_t)atoi(argv[1]) : 20000;
  uint32_t lanes = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, SOCKETS) == 0);

  tc_sender *sender = tc_create(on_landed, NULL);
  CHECK(sender != NULL);
  tc_batch none = {0};
  CHECK(!tc_send(sender, 0, &none)); /* no lane runs yet */
  CHECK(tc_start(sender, lanes) == 0 && tc_lanes(sender) == lanes);
  CHECK(tc_adopt(sender, -1, 0) == -EBADF);
  CHECK(tc_adopt(sender, listener, (uint32_t)tc_descriptor_limit()) == -EMFILE);
  tc_release(sender, 7); /* of no one */
  tc_shut(sender, -1);
  for (int i = 0; i < SOCKETS; i++) open_line(&lines[i], sender);

  uint32_t numbers[SOCKETS] = {0};
  srand(1);
  for (uint32_t batch = 1; batch <= batches; batch++) {
    land_all(sender, lanes);
    if (batch % 2500 == 0) { /* the last hub of the realm is closed, and another one made */
      tc_stop(sender);
      land_all(sender, lanes);
      CHECK(tc_start(sender, lanes) == 0);
    }
    uint32_t lane = batch % lanes;
    if (posted[lane] - landed[lane] >= IN_AIR) {
      tc_drain(sender);
      land_all(sender, lanes);
    }
    flight_t *flight = &flights[lane][posted[lane] % IN_AIR];
    uint32_t count = 0;
    /* one frame for all whose next one it is: those that stand at the same number */
    int first = rand() % SOCKETS;
    while (lines[first].is_in_air) {
      tc_drain(sender);
      land_all(sender, lanes);
    }
    uint32_t number = ++numbers[first];
    fill(flight->bytes, number);
    flight->lines[count] = first;
    flight->slots[count++] = lines[first].slot;
    lines[first].is_in_air = true;
    for (int i = 0; i < SOCKETS && count < SOCKETS - 1; i++) {
      if (lines[i].is_in_air || numbers[i] + 1 > number + 3) continue;
      /* a stream may begin anywhere, but has no hole: a line takes part where its number fits, or starts anew */
      if (numbers[i] + 1 != number) continue;
      numbers[i] = number;
      flight->lines[count] = i;
      flight->slots[count++] = lines[i].slot;
      lines[i].is_in_air = true;
    }
    flight->lines[SOCKETS - 1] = (int)count;
    tc_batch job = {flight->slots, count, flight->bytes, FRAME, flight->results};
    if (!tc_send(sender, lane, &job)) {
      refused++;
      tc_drain(sender);
      CHECK(tc_send(sender, lane, &job));
    }
    posted[lane]++;
    if (rand() % 20 == 0) { /* a connection ends, in the air or not */
      line_t *line = &lines[rand() % SOCKETS];
      if (line->is_in_air) {
        tc_shut(sender, line->slot);
        close(line->fd);
        line->fd = -1;
      } else {
        close(line->fd);
        tc_release(sender, line->slot);
        pthread_join(line->reader, NULL);
        open_line(line, sender);
      }
    }
  }
  tc_drain(sender);
  land_all(sender, lanes);
  for (int i = 0; i < SOCKETS; i++) close(lines[i].fd);
  CHECK(tc_lane_cpu(sender, 0) > 0);
  tc_destroy(sender); /* closes the duplicates, so that the readers come to their end */
  for (int i = 0; i < SOCKETS; i++) pthread_join(lines[i].reader, NULL);
  CHECK(atomic_load(&notices) > 0);
  CHECK(refused == 0);
  printf("ok: %u batches, %llu frames in %llu streams, %llu short\n", batches, (unsigned long long)frames_read,
         (unsigned long long)streams_read, (unsigned long long)shorts);
  return 0;
}
