import type { AcceptResult } from '../measure/accept.ts';
import { format, median, pairedInterval, pairedRatio } from '../statistics.ts';
import { columnsOf, namesIn, type Names } from './columns.ts';
import type { Section } from './section.ts';

/** Times the CPU of `ws`. */
const MOST = 1.4;

export function acceptSection({ cpuUs, failures }: AcceptResult, names: Names): Section {
  const { head, cells } = columnsOf(names, namesIn([cpuUs]));
  const of = (name: string): readonly number[] => cpuUs.get(name) ?? [];
  const [least, most] = pairedInterval(of('threadcast'), of('naive'));
  const measured = `${format(pairedRatio(of('threadcast'), of('naive')))} x (${format(least)} to ${format(most)})`;
  return {
    title: 'Accepting',
    text:
      'CPU of the server for one connection, from its TCP connection until it has joined. threadcast authenticates, sends `hello` and ' +
      '`joined`, and counts the handshake against its limits; `ws` sends the 101.',
    tables: [
      {
        head: ['', ...head],
        rows: [
          ['CPU per connection, us', ...cells((name) => format(median(of(name))))],
          ['times naive `ws`', ...cells((name) => format(pairedRatio(of(name), of('naive'))))],
        ],
      },
    ],
    targets: Number.isFinite(most)
      ? [{ what: 'accept and join', target: `at most ${MOST} x naive ws`, measured, isMet: most <= MOST }]
      : [],
    charts: [],
    failures,
  };
}
