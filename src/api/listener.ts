/** A callback for events. An error that it throws, or rejects with, is reported and never reaches the emitter. */
export type Listener<News> = (news: News) => unknown;
