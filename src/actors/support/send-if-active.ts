import type { EventObject } from 'xstate';

interface Receiver<E extends EventObject> {
  getSnapshot(): { readonly status: string };
  send(event: E): void;
}

/** Sends the event unless the actor has ended: several causes may end a socket, a thread or the hub at the same moment. */
export function sendIfActive<E extends EventObject>(actor: Receiver<E>, event: E): void {
  if (actor.getSnapshot().status === 'active') actor.send(event);
}
