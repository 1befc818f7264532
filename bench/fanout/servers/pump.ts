// The hand-written loop with threadcast's pump in its place: log, cursors, windows, slices and shared runs, but no hub, no statecharts,
// no receipts, no telemetry. For the layers; it is no way to use the library.
import { createServer } from 'node:http';
import { makeCounters } from '../../../src/actors/support/counters.ts';
import { WriteBatch } from '../../../src/actors/delivery/write-batch.ts';
import { FrameWriter } from '../../../src/actors/delivery/frame-writer.ts';
import { FanOut, type FanOutHost } from '../../../src/actors/delivery/fan-out.ts';
import { JoinedFrames } from '../../../src/actors/delivery/joined-frames.ts';
import type { Home, Subscriber } from '../../../src/actors/delivery/subscriber.ts';
import { Subscription } from '../../../src/actors/delivery/subscription.ts';
import { SliceScheduler } from '../../../src/actors/support/slice-scheduler.ts';
import { SharedBody } from '../../../src/infra/log/shared-body.ts';
import { systemClock } from '../../../src/infra/time/clock.ts';
import { frameVariantOf } from '../../../src/infra/wire/frame-variant.ts';
import { LogBuffer } from '../../../src/infra/log/log-buffer.ts';
import { shakeHands } from './handshake.ts';
import { listen } from './listen.ts';
import { serve } from './serve.js';
import type { Link } from '../../../src/api/socket.ts';

const RETENTION = { maxEntries: 1_000, maxBytes: 64 * 1024 * 1024, maxAgeMs: 3_600_000 };

const fail = (error: unknown): void => console.error(error);
const joinedFrames = new JoinedFrames();
const turns = new SliceScheduler(systemClock, 2, fail, () => joinedFrames.clear());

/** One room. */
class Room implements Home<Subscription>, FanOutHost {
  readonly id = 'main';
  readonly joinedFrames = joinedFrames;
  readonly counters = makeCounters();
  readonly compression = { thresholdBytes: Infinity, level: 1 };
  readonly batch = new WriteBatch();
  readonly now = (): number => systemClock.now();
  readonly report = fail;
  readonly streams = undefined;
  readonly values = undefined;
  readonly members = new Set<Subscription>();
  readonly log = new LogBuffer('epoch', RETENTION, systemClock.now());
  readonly pump = new FanOut(this.log, this);
  lastSerial = 0;

  openValues(): void {}

  unsubscribe(subscription: Subscription): void {
    this.members.delete(subscription);
  }

  offered(offset: number): void {
    this.log.hold(offset);
  }
}

const room = new Room();

/** A socket that takes what it is given. One that does not would stay behind: nobody here has it catch up. */
function subscriberOf(link: Link): Subscriber<Subscription> {
  const writer = new FrameWriter(link, frameVariantOf('plain', undefined), 512 * 1024, { onBroken: fail });
  writer.open();
  const ignore = (): void => {};
  return {
    id: '',
    writer,
    ackedBytes: 0,
    isLinkOpen: true,
    isFollower: false,
    isExcepted: () => false,
    standing: () => undefined,
    goOn: ignore,
    traceWritten: ignore,
    traceRun: ignore,
    traceMiss: ignore,
    admitPart: () => 'now',
    followPart: ignore,
    beginParts: () => true,
    endParts: ignore,
    isBehindElsewhere: () => false,
    partReady: ignore,
    rereads: ignore,
    tellGap: ignore,
    tellLost: ignore,
    fellBehind: () => turns.add(room.pump),
    onBroken: fail,
  };
}

await serve(async () => {
  const server = createServer();
  server.on('upgrade', (request, duplex) => {
    const socket = shakeHands(request, duplex);
    const link: Link = {
      get unsentBytes() {
        return socket.writableLength;
      },
      get takenBytes() {
        return socket.bytesWritten - socket.writableLength;
      },
      write: (piece) => {
        for (const part of piece) socket.write(part);
      },
      cork: () => socket.cork(),
      uncork: () => socket.uncork(),
      ping: () => {},
      close: () => socket.end(),
      terminate: () => socket.destroy(),
    };
    const start = { tail: room.log, after: room.log.head, serial: ++room.lastSerial };
    const subscription = new Subscription(subscriberOf(link), room, start);
    room.members.add(subscription);
    socket.on('close', () => room.unsubscribe(subscription));
  });
  let sent = 0;
  return {
    port: await listen(server),
    versions: { node: process.version },
    send(_room, message) {
      const body = new SharedBody([Buffer.from(JSON.stringify(message))]);
      const draft = { threadId: 'main', id: `m${++sent}`, lane: 'normal', body, expiresAt: Infinity } as const;
      room.log.append(draft, systemClock.now());
      turns.add(room.pump);
    },
    members: () => room.members.size,
  };
});
