import { asError, ConnectionClosedError } from '../../infra/errors.ts';
import { closeCodes, reasonOf, type CloseCode } from '../../infra/wire/close-codes.ts';
import { frameVariantOf } from '../../infra/wire/frame-variant.ts';
import type { Frame } from '../../api/entry.ts';
import type { ConnectionState } from '../../api/connection.ts';
import type { Link } from '../../api/socket.ts';
import { FrameWriter } from '../delivery/frame-writer.ts';
import { unattachedLink } from '../delivery/unattached-link.ts';
import { guarded } from '../support/emitter.ts';
import type { ConnectionServices } from './connection-services.ts';
import { LazyMachine } from './lazy-machine.ts';
import { cutLink, LinkEnding } from './link-ending.ts';
import { Liveness } from './liveness.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import { notices } from './wire-protocol.ts';

/**
 * The line to one client. The machine decides when bytes may flow, the writer writes them, and liveness finds out whether the client still
 * accepts them. At the end the line closes the link. The link is attached last: its news is handled correctly even before that.
 */
export class ConnectionLine {
  readonly id: string;
  readonly machine: LazyMachine;
  readonly writer: FrameWriter;
  readonly liveness: Liveness;
  readonly #services: ConnectionServices;
  #link: Link = unattachedLink;
  #isLinkOpen = true;
  #probe = 0;
  /** From the eviction until the socket is gone. */
  #ending: LinkEnding | undefined;
  /** The largest frame of the client's protocol, if that is not the hub's; see `UnfinishedInput`. */
  readonly maxFrameBytes: number | undefined;
  /** What the client has sent, from its first frame on. */
  input:
    { readonly waitingBytes: number; goOn(): void; payForReread(entries: number, bytes: number): void } | undefined;

  constructor({ id, format, takesBytes = false, protocol }: ConnectionSettings, services: ConnectionServices) {
    const { liveness, highWaterMarkBytes } = services.settings;
    this.id = id;
    this.maxFrameBytes = protocol?.maxFrameBytes;
    this.#services = services;
    this.machine = new LazyMachine(id, services);
    this.writer = new FrameWriter(
      unattachedLink,
      frameVariantOf(format, undefined, takesBytes),
      highWaterMarkBytes,
      this,
    );
    this.liveness = new Liveness(unattachedLink, liveness, services.now(), services.pings);
  }

  attach(link: Link): void {
    this.#link = link;
    const { format, takesBytes } = this.writer.variant;
    this.writer.attach(link, frameVariantOf(format, link.deflateWindow, takesBytes));
    this.liveness.attach(link);
  }

  get state(): ConnectionState {
    return this.machine.state;
  }

  /** False once the socket is gone; until then the client may still answer the close frame. */
  get isLinkOpen(): boolean {
    return this.#isLinkOpen;
  }

  /** All bytes that came from the client, if the link counts them. */
  get readBytes(): number | undefined {
    return this.#link.readBytes;
  }

  /** Bytes held of a message that the client has begun and not finished. */
  get unfinishedBytes(): number {
    return this.#link.unfinishedBytes ?? 0;
  }

  pauseReading(): void {
    this.#link.pauseReading?.();
  }

  resumeReading(): void {
    if (this.#ending?.isDeaf === true) return;
    this.#link.resumeReading?.();
  }

  evict({ code, reason }: CloseCode): void {
    this.machine.send({ type: 'evict', code, reason });
  }

  /** Sends a frame of the protocol. A client that lets too many of them wait is evicted, and so is one whose link throws. */
  sendNotice(notice: Frame): void {
    if (this.writer.variant.format !== 'plain') this.say(notice);
  }

  /** The same, whatever the format is. */
  say(notice: Frame): void {
    if (this.state === 'evicted') return;
    try {
      if (!this.writer.say(notice)) this.evict(closeCodes.slowConsumer);
    } catch (error) {
      // a notice for ten thousand clients goes on to the next one
      this.onBroken(error);
    }
  }

  /** Sends a page of history; see `FrameWriter.sayPage`. */
  sendPage(page: Frame): void {
    if (this.writer.variant.format === 'plain' || this.state === 'evicted') return;
    this.writer.sayPage(page);
  }

  /** @throws ConnectionClosedError (`TC_CONNECTION_CLOSED`) */
  assertLive(action: string): void {
    if (this.state === 'evicted') throw new ConnectionClosedError({ connectionId: this.id, action });
  }

  // --- news of the link

  /** True if waiting messages may continue now. */
  drained(): boolean {
    if (this.#ending !== undefined) this.#ending.drained();
    else if (this.state === 'retrying' || this.#isProbed) this.machine.send({ type: 'progressed' });
    else return true;
    return false;
  }

  /** The client has answered this ping barrier. */
  answered(seq: number): void {
    const { state } = this;
    const isAnswer = state === 'retrying' || (state === 'tripped' && seq >= this.#probe);
    if (isAnswer) this.machine.send({ type: 'progressed' });
  }

  closed(code: number, reason: string): void {
    this.#isLinkOpen = false;
    // otherwise it ends now, with `end`
    if (this.#ending !== undefined) {
      this.#ending.stop();
      this.writer.abandon();
    }
    this.#services.connections.forget(this.id);
    this.machine.send({ type: 'closed', code, reason: reason === '' ? reasonOf(code) : reason });
  }

  /** The link has thrown, or a visit that used it. */
  onBroken(error: unknown): void {
    const { report } = this.#services;
    report(error);
    cutLink(this.#link, report);
    this.closed(closeCodes.abnormal.code, asError(error).message);
  }

  /** The client continues to send after its eviction. */
  heardAfterEnd(bytes: number): void {
    this.#ending?.heard(bytes);
  }

  // --- the sweep

  /**
   * @param lostMs how long the event loop stood still; unless it is 0, no client is judged as stalled
   * @returns true if a heartbeat waits for the next turn: one sweep must not write to thousands of idle connections at once
   */
  sweep(now: number, lostMs: number): boolean {
    const { state, liveness, machine } = this;
    const isFair = lostMs === 0;
    if (!isFair) liveness.excuse(now, lostMs);
    if (state === 'evicted') {
      const hasStalled = liveness.hasStalled(now);
      this.#ending?.examine(now, hasStalled && isFair);
      return false;
    }
    if (state === 'tripped') {
      // a line too slow to answer in time may still accept bytes
      if (this.#isProbed && liveness.hasProgressed(now)) machine.send({ type: 'progressed' });
      return false;
    }
    const finding = liveness.examine(now, this.writer.bytes);
    if (finding === 'progressed' && state === 'retrying') machine.send({ type: 'progressed' });
    else if (finding === 'stalled' && state === 'open' && isFair) machine.send({ type: 'stalled' });
    return liveness.owesHeartbeat(now, this.writer.bytes) && this.#beat();
  }

  #beat(): boolean {
    const { writer } = this;
    if (writer.variant.format === 'plain' || writer.admit('message') !== 'now') return false;
    writer.sayLater(notices.heartbeat);
    return true;
  }

  get #isProbed(): boolean {
    return this.machine.path === 'tripped.probing';
  }

  // --- effects of the machine

  /** Whether the client accepts bytes or answers decides whether the breaker may close. */
  sendProbe(): void {
    guarded(() => {
      const now = this.#services.now();
      // bytes that move from now on count like an answer
      this.liveness.hasProgressed(now);
      this.#probe = this.liveness.ping(now, this.writer.bytes);
    }, this.#services.report);
  }

  /** Closes the link, after the message in progress. */
  end(code: number, reason: string): void {
    if (!this.#isLinkOpen) {
      this.writer.abandon();
      return;
    }
    const { report, scheduler, clock } = this.#services;
    this.liveness.beginEnd(clock.now());
    this.#ending = new LinkEnding({
      link: this.#link,
      writer: this.writer,
      code,
      reason,
      clock,
      report,
      enqueue: (ending) => scheduler.add(ending),
    });
    this.#ending.begin();
  }

  // --- the hub ends

  /** Cuts the link if the client accepts nothing, or does not answer the close frame. */
  cutIfStill(): void {
    if (this.#ending?.hasMoved() === false) this.#ending.cut();
  }

  /** The client has been evicted for what it sends: reads no more of it. The close frame still has the time to arrive. */
  deafen(): void {
    if (this.#isLinkOpen) this.#ending?.deafen();
  }

  cut(): void {
    if (this.#isLinkOpen) cutLink(this.#link, this.#services.report);
  }
}
