/** How a page reaches a node, over a WebSocket or over HTTP. Each fault is a call. */
export interface PageLine {
  /** Both ends have it, and packets pass. */
  readonly isWhole: boolean;
  /** The server has given its promise, and nothing has come of it. */
  readonly isLate: boolean;
  /** @param isWhole nothing of what is on its way arrives, not even a part */
  cut(isWhole?: boolean): void;
  /** Cut when the client has been given so many more bytes. */
  cutAfter(bytes: number): void;
  silence(): void;
  stall(): void;
  resume(): void;
  take(bytes: number): void;
  /** The server has ended the connection with this code: it arrives if the client reads. */
  promise(code: number): void;
  /** @param isTold the system of the server's process resets the connection; a machine without power says nothing */
  crashNear(isTold: boolean): void;
}
