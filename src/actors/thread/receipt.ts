import { formatPosition } from '../../infra/log/ids.ts';
import type { OpenSpan, SpanAttributes } from '../../infra/telemetry/spans.ts';
import type { HubContext } from '../support/context.ts';
import type { PublicationTally } from '../delivery/publication-tally.ts';
import { settle } from './delivery-outcomes.ts';
import type { Receipt } from '../../api/receipt.ts';

/** The fan-out is over: says so in span and metrics, and answers the sender. */
export function completed(publication: PublicationTally, span: OpenSpan, context: HubContext): Receipt {
  const { counters, metrics } = context;
  counters.messagesPublished++;
  if (!publication.isDuplicate) metrics.fannedOut(publication.recipients, context.now() - publication.entry.loggedAt);
  span.end(fanOutAttributes(publication));
  return makeReceipt(publication, context);
}

function makeReceipt(publication: PublicationTally, context: HubContext): Receipt {
  const { entry, epoch, strategy } = publication;
  return {
    id: entry.id,
    position: entry.offset === 0 ? undefined : formatPosition({ epoch, offset: entry.offset, id: entry.id }),
    bytes: entry.body.bytes,
    strategy,
    isDuplicate: publication.isDuplicate,
    recipients: publication.recipients,
    written: publication.written,
    behind: publication.behind.length,
    dropped: publication.dropped,
    settled: (options) => settle(publication, context, options),
  };
}

/** The fields of a receipt, as attributes of the publish span. */
export function fanOutAttributes({
  entry,
  strategy,
  recipients,
  written,
  behind,
  dropped,
}: PublicationTally): SpanAttributes {
  return {
    'threadcast.message.id': entry.id,
    'threadcast.message.offset': entry.offset,
    'threadcast.bytes': entry.body.bytes,
    'threadcast.strategy': strategy,
    'threadcast.recipients': recipients,
    'threadcast.written': written,
    'threadcast.behind': behind.length,
    'threadcast.dropped': dropped,
  };
}
