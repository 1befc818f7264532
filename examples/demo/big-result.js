// The recipe of the recording's big tool result: runs in a worker thread of the hub's pool, where the object is built and
// serialized, so that it never exists on the main thread. Deterministic, so that its digest could be recorded. Plain
// JavaScript, because it is loaded by the package's worker, in whatever Node the user has.

const SERVICES = ['storefront', 'checkout', 'payments', 'inventory', 'tax', 'ledger', 'fraud-check', 'notifications'];
const OPERATIONS = ['HTTP POST /v2/orders', 'SELECT carts', 'UPDATE stock', 'authorize card', 'rate lookup', 'publish'];

/**
 * The answer of the tool `export_spans`: every span of the slow window, 50 MB of JSON.
 *
 * @param {{ turn: number, call: string, seed: number, spans: number }} args
 */
export default function exportSpans({ turn, call, seed, spans }) {
  const random = mulberry32(seed);
  const hex8 = () => (random() * 2 ** 32).toString(16).padStart(8, '0');
  const hex16 = () => hex8() + hex8();
  const pick = (list) => list[Math.floor(random() * list.length)];
  let traceId = hex16() + hex16();
  const rows = Array.from({ length: spans }, (_, i) => {
    if (i % 9 === 0) traceId = hex16() + hex16();
    const isSlow = random() < 0.07;
    return {
      traceId,
      spanId: hex16(),
      service: pick(SERVICES),
      name: pick(OPERATIONS),
      startMs: 1_771_286_400_000 + Math.floor(i * 1.5 + random() * 20),
      durationMs: Math.round((isSlow ? 900 + random() * 2_400 : 3 + random() * 60) * 100) / 100,
      status: isSlow && random() < 0.3 ? 'ERROR' : 'OK',
      attributes: { 'db.pool.wait_ms': isSlow ? Math.round(700 + random() * 2_000) : 0, region: 'eu-central-1' },
    };
  });
  return { type: 'tool_result', turn, call, output: { format: 'spans', total: rows.length, rows } };
}

/** A small generator of random numbers with 32 bits of state (Tommy Ettinger's mulberry32, public domain). */
function mulberry32(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
