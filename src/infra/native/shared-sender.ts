import { isBun } from '../runtime.ts';
import { loadAddon, type LoadedAddon } from './addon.ts';
import { NativeSender } from './native-sender.ts';

/** With fewer sockets a hand-over costs more than it saves (measured: from 8 on the event loop gains clearly). */
const LEAST_PASSENGERS = 8;

/** How a hub sends, and why. */
export interface SenderChoice {
  readonly sender: NativeSender | undefined;
  readonly reason: string;
  /** The hub has closed. */
  release(): void;
}

/** What a hub asks for: `false`, or so many threads. */
export type WantedSender = false | { readonly threads: number };

/** One for all hubs of a realm: they share its threads. */
let shared: { readonly sender: NativeSender | undefined; readonly reason: string } | undefined;
let hubs = 0;

/**
 * The sender of this realm for one more hub.
 *
 * `THREADCAST_SENDER` is for tests and debugging: `inline` is as `nativeSender: false`, and `native` has every shared frame sent by a thread, also those for
 * a single socket.
 */
export function acquireSender(wanted: WantedSender, load: () => LoadedAddon = loadAddon): SenderChoice {
  const { THREADCAST_SENDER: chosen } = process.env;
  if (wanted === false) return inline('nativeSender is false');
  if (chosen === 'inline') return inline('THREADCAST_SENDER is inline');
  if (isBun) return inline('Bun has no descriptors of sockets');
  shared ??= make(load(), chosen === 'native' ? 1 : LEAST_PASSENGERS);
  const { sender, reason } = shared;
  if (sender === undefined) return inline(reason);
  sender.want(wanted.threads);
  hubs++;
  let isHeld = true;
  return {
    sender,
    reason,
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      if (--hubs === 0) sender.stop();
    },
  };
}

function inline(reason: string): SenderChoice {
  return { sender: undefined, reason, release: () => {} };
}

function make({ addon, reason }: LoadedAddon, least: number): { sender: NativeSender | undefined; reason: string } {
  if (addon === undefined) return { sender: undefined, reason };
  try {
    return { sender: new NativeSender(addon, least), reason };
  } catch (error) {
    return { sender: undefined, reason: error instanceof Error ? error.message : String(error) };
  }
}
