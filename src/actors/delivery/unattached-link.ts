import type { Link } from '../../api/socket.ts';

const ignore = (): void => {};

/** Stands in for the link of a connection until that exists: accepts nothing and holds nothing. */
export const unattachedLink: Link = {
  unsentBytes: 0,
  takenBytes: 0,
  write: ignore,
  cork: ignore,
  uncork: ignore,
  ping: ignore,
  close: ignore,
  terminate: ignore,
};
