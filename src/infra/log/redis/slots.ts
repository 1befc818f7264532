const SLOTS = 16_384;

/** The slot of a key in a Redis Cluster: CRC-16/XMODEM of its hash tag (Redis Cluster specification, "Key distribution model"). */
export function slotOf(key: string): number {
  const from = key.indexOf('{') + 1;
  const to = from === 0 ? -1 : key.indexOf('}', from);
  let crc = 0;
  for (const byte of Buffer.from(to > from ? key.slice(from, to) : key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x80_00) === 0 ? 0 : 0x10_21)) & 0xff_ff;
  }
  return crc % SLOTS;
}
