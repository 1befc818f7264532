/** Who is in which room, for contenders that have no rooms of their own. */
export class Rooms<T> {
  readonly #rooms = new Map<string, Set<T>>();

  join(room: string, member: T): void {
    const members = this.#rooms.get(room);
    if (members === undefined) this.#rooms.set(room, new Set([member]));
    else members.add(member);
  }

  leave(room: string, member: T): void {
    this.#rooms.get(room)?.delete(member);
  }

  of(room: string): ReadonlySet<T> {
    return this.#rooms.get(room) ?? new Set<T>();
  }
}

/** The room that a client asks for: `/?room=main`. */
export function roomOf(url: string | undefined): string {
  return new URL(url ?? '/', 'http://localhost').searchParams.get('room') ?? 'main';
}
